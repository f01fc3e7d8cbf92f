#include "pay/process_id.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_MAX 64

/* Field 22 of /proc/<pid>/stat; the name before it may contain spaces and ")". 0: gone. */
static unsigned long long start_time_of(long pid)
{
	char path[64], text[1024];
	unsigned long long start = 0;
	const char *after;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	stat = fopen(path, "re");
	if (!stat)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, stat)] = '\0';
	fclose(stat);
	after = strrchr(text, ')');
	/* a zombie does no more work */
	if (!after || after[1] == '\0' || after[2] == 'Z' || after[2] == 'X')
		return 0;
	sscanf(after + 2,
	       "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
	       &start);
	return start;
}

/* Boot and pid namespace: only inside them a pid has a meaning. "": not known. */
static void place_read(char out[PLACE_MAX])
{
	struct stat namespace;
	char boot[40] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	out[0] = '\0';
	if (!file)
		return;
	if (fgets(boot, sizeof(boot), file) && stat("/proc/self/ns/pid", &namespace) == 0) {
		boot[strcspn(boot, "\n")] = '\0';
		snprintf(out, PLACE_MAX, "%s:%llu", boot, (unsigned long long)namespace.st_ino);
	}
	fclose(file);
}

void process_id_self(char out[PROCESS_ID_MAX])
{
	char here[PLACE_MAX];

	place_read(here);
	snprintf(out, PROCESS_ID_MAX, "%s/%ld/%llu", here, (long)getpid(), start_time_of(getpid()));
}

bool process_id_is_dead(const char *id)
{
	char here[PLACE_MAX];
	unsigned long long start;
	size_t length;
	long pid;

	place_read(here);
	length = strlen(here);
	if (length == 0 || strncmp(id, here, length) != 0 || id[length] != '/')
		return false;
	if (sscanf(id + length + 1, "%ld/%llu", &pid, &start) != 2 || start == 0)
		return false;
	return start_time_of(pid) != start;
}
