/*
 * The lesson's program, to be recorded: a file of five huge pages is made, mapped, written, unmapped, closed, unlinked.
 * cc -static -o lesson lesson.c; lesson FILE, in a hugetlbfs. Its marks go where the recipe says, if it does.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH (5UL << 21)

static int marker = -1;

static void mark(const char *text)
{
	if (marker >= 0 && write(marker, text, strlen(text)) < 0)
		perror("mark");
}

static void step(int number, const char *text)
{
	char line[256];

	snprintf(line, sizeof line, "STEP %d %s", number, text);
	mark(line);
}

/* Private pages without a file; a child writes to its parent's, which copies them. Other lines of the kernel. */
static int private_pages(unsigned long pages, int copy)
{
	char line[256];
	int status = 0;
	char *at;

	snprintf(line, sizeof line, "PROG hugelab private pid=%d bits=%d", (int)getpid(), (int)sizeof(long) * 8);
	mark(line);
	at = mmap(NULL, pages << 21, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (at == MAP_FAILED) {
		perror("mmap");
		return 3;
	}
	memset(at, 'P', pages << 21);
	if (copy) {
		pid_t child = fork();

		if (!child) {
			memset(at, 'C', pages << 21);
			_exit(0);
		}
		waitpid(child, &status, 0);
	}
	munmap(at, pages << 21);
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	const char *file = argc > 1 ? argv[1] : "/mnt/huge/test_file";
	const char *place = getenv("HUGETRACE_MARKER");
	char line[256];
	struct stat st;
	char *at;
	int fd;

	if (place)
		marker = open(place, O_WRONLY);
	/* More for the tests: fork (a child does it all), wait (for a signal, with the pages), fail (exit status 7). */
	if (argc > 2 && !strcmp(argv[2], "cow"))
		return private_pages(2, 1);
	if (argc > 2 && !strcmp(argv[2], "surplus"))
		return private_pages(12, 0);
	if (argc > 2 && !strcmp(argv[2], "fork")) {
		int status;
		pid_t child = fork();

		if (child) {
			waitpid(child, &status, 0);
			return WEXITSTATUS(status);
		}
	}
	snprintf(line, sizeof line, "PROG hugelab lesson pid=%d bits=%d", (int)getpid(), (int)sizeof(long) * 8);
	mark(line);
	snprintf(line, sizeof line, "open(\"%s\", O_CREAT|O_RDWR, 0755)", file);
	step(1, line);
	fd = open(file, O_CREAT | O_RDWR, 0755);
	if (fd < 0 || fstat(fd, &st)) {
		perror(file);
		return 2;
	}
	snprintf(line, sizeof line, "RET open = %d ino=%lu mode=0x%x size=%ld", fd, (unsigned long)st.st_ino, st.st_mode,
		 (long)st.st_size);
	mark(line);
	snprintf(line, sizeof line,
		 "mmap(NULL, 5 pages = %lu, PROT_READ|PROT_WRITE, MAP_SHARED, fd=%d, off=0)", LENGTH, fd);
	step(2, line);
	at = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		perror("mmap");
		unlink(file);
		return 3;
	}
	snprintf(line, sizeof line, "RET mmap = %p-%p", at, at + LENGTH);
	mark(line);
	snprintf(line, sizeof line, "memset(ptr, 'H', %lu)", LENGTH);
	step(3, line);
	memset(at, 'H', LENGTH);
	mark("RET memset");
	if (argc > 2 && !strcmp(argv[2], "wait"))
		pause();
	snprintf(line, sizeof line, "munmap(%p, 5 pages)", at);
	step(4, line);
	munmap(at, LENGTH);
	mark("RET munmap = 0");
	snprintf(line, sizeof line, "close(%d)", fd);
	step(5, line);
	close(fd);
	mark("RET close = 0");
	snprintf(line, sizeof line, "unlink(\"%s\")", file);
	step(6, line);
	unlink(file);
	mark("RET unlink = 0");
	step(7, "end");
	return argc > 2 && !strcmp(argv[2], "fail") ? 7 : 0;
}
