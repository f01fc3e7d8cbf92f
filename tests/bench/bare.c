/*
 * A responder that does nothing but libfcgi: threads that wait in accept on descriptor 0 and answer
 * each request with the bytes of the file that BARE_ANSWER names: headers, an empty line, a body.
 * The limit for what the service itself adds to a request.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX 8192
#define STACK_BYTES (256 * 1024)
#define THREADS 8 /* idle ones that the service keeps, by its default */

static char answer[ANSWER_MAX];
static int answer_length;

static void *serve(void *argument)
{
	FCGX_Request request;

	(void)argument;
	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		FCGX_PutStr(answer, answer_length, request.out);
		FCGX_Finish_r(&request);
	}
	return NULL;
}

int main(void)
{
	const char *name = getenv("BARE_ANSWER");
	FILE *file = name ? fopen(name, "re") : NULL;
	pthread_attr_t attributes;
	pthread_t thread;

	if (!file) {
		fprintf(stderr, "bare: BARE_ANSWER must name a file\n");
		return EXIT_FAILURE;
	}
	answer_length = (int)fread(answer, 1, sizeof(answer), file);
	fclose(file);
	if (FCGX_Init() != 0)
		return EXIT_FAILURE;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, &attributes, serve, NULL) != 0)
			return EXIT_FAILURE;
	serve(NULL);
	return EXIT_SUCCESS;
}
