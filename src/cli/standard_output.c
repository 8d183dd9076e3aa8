/* standard_output.c - behind standard_output.h. */
#define _DEFAULT_SOURCE /* mkstemps */
#include "standard_output.h"

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, COPY_BYTES = 64 * 1024 };

/* The one output of this run that goes there; path "": none. */
static struct {
    char path[PATH_BYTES];
    int descriptor; /* of the standard output that the program was started with */
} acquired = {"", -1};

int cli_standard_output_acquire(const char **path, const char *option, const char *ending, int is_quiet)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder) folder = "/tmp";
    if (acquired.path[0]) return cli_error(CLI_EXIT_USAGE, "%s = -; standard output takes one result", option);
    if (isatty(STDOUT_FILENO))
        return cli_error(CLI_EXIT_USAGE, "%s = -; standard output is a terminal: redirect it, or name a file", option);
    const int length = snprintf(acquired.path, sizeof acquired.path, "%s/flashgmm-output-XXXXXX%s", folder, ending);
    const int file = length < PATH_BYTES ? mkstemps(acquired.path, (int)strlen(ending)) : -1;
    if (file < 0) {
        acquired.path[0] = 0;
        return cli_error(CLI_EXIT_FAILED, "%s = -; a temporary file cannot be made in %s: %s", option, folder,
                         strerror(errno));
    }
    close(file);
    *path = acquired.path;
    acquired.descriptor = dup(STDOUT_FILENO);
    const int instead = is_quiet ? open("/dev/null", O_WRONLY) : dup(STDERR_FILENO);
    if (acquired.descriptor < 0 || instead < 0 || dup2(instead, STDOUT_FILENO) < 0)
        return cli_error(CLI_EXIT_FAILED, "standard output: %s", strerror(errno));
    close(instead);
    return CLI_EXIT_DONE;
}

/* 1 when all has been written. */
static int write_all(const char *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t part = write(acquired.descriptor, bytes, count);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return 0;
        bytes += part;
        count -= (size_t)part;
    }
    return 1;
}

static int copy(void)
{
    static char buffer[COPY_BYTES];
    size_t count;
    FILE *file = fopen(acquired.path, "rb");
    if (!file) return cli_error(CLI_EXIT_FAILED, "%s: cannot be opened: %s", acquired.path, strerror(errno));
    int is_written = 1;
    while (is_written && (count = fread(buffer, 1, sizeof buffer, file)) > 0) is_written = write_all(buffer, count);
    const int has_failed = ferror(file);
    fclose(file);
    if (!is_written || has_failed)
        return cli_error(CLI_EXIT_FAILED, "standard output: writing failed: %s", strerror(errno));
    return CLI_EXIT_DONE;
}

int cli_standard_output_release(int exit_code)
{
    if (!acquired.path[0]) return exit_code;
    fflush(stdout);
    if (exit_code == CLI_EXIT_DONE) exit_code = copy();
    remove(acquired.path);
    acquired.path[0] = 0;
    return exit_code;
}

const char *cli_standard_output_name(const char *path)
{
    return acquired.path[0] && strcmp(path, acquired.path) == 0 ? "standard output" : path;
}
