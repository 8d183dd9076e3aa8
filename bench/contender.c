/* contender.c - see contender.h. */
#define _POSIX_C_SOURCE 200809L
#include "contender.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bench_clock bench_now(void)
{
    const bench_clock now = {seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
    return now;
}

bench_clock bench_between(bench_clock earlier, bench_clock later, uint64_t parts)
{
    const bench_clock time = {(later.wall_s - earlier.wall_s) / (double)parts,
                              (later.cpu_s - earlier.cpu_s) / (double)parts};
    return time;
}

int bench_serve(bench_answer (*measure)(void *user), void *user)
{
    char line[16];
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        const bench_answer answer = measure(user);
        printf("wall=%.6g cpu=%.6g", answer.time.wall_s, answer.time.cpu_s);
        if (!isnan(answer.log_likelihood)) printf(" ll=%.7g", answer.log_likelihood);
        printf(" %s\n", answer.facts);
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}

void bench_refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

void bench_check(fgmm_status status)
{
    if (status != FGMM_OK) bench_refuse("%s: %s", fgmm_status_text(status), fgmm_last_error());
}

const char *bench_word(int argc, char **argv, const char *key, const char *fallback)
{
    const size_t length = strlen(key);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], key, length) == 0 && argv[i][length] == '=') return argv[i] + length + 1;
    if (!fallback) bench_refuse("%s: no word %s=...", argv[0], key);
    return fallback;
}

uint64_t bench_count(int argc, char **argv, const char *key, const char *fallback)
{
    return strtoull(bench_word(argc, argv, key, fallback), NULL, 10);
}

fgmm_backend bench_backend(const char *name)
{
    for (int backend = 0; strcmp(fgmm_backend_name((fgmm_backend)backend), "unknown") != 0; backend++)
        if (strcmp(fgmm_backend_name((fgmm_backend)backend), name) == 0) return (fgmm_backend)backend;
    bench_refuse("this build has no kernel family '%s'", name);
    return FGMM_BACKEND_AUTO;
}

void *bench_alloc(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (!memory) bench_refuse("no memory for %zu x %zu bytes", count, bytes);
    return memory;
}

void *bench_load_rows(const char *path, uint64_t n, fgmm_source_info *info)
{
    const fgmm_source_info empty = fgmm_source_info_init();
    fgmm_source *source;
    *info = empty;
    bench_check(fgmm_source_open(&source, path, NULL));
    bench_check(fgmm_source_describe(source, info));
    if (n == 0 || n > info->rows) n = info->rows;
    const size_t row_bytes = (size_t)info->dims * fgmm_type_bytes(info->type);
    char *rows = bench_alloc((size_t)n, row_bytes);
    bench_check(fgmm_source_rewind(source));
    for (uint64_t done = 0, count = 0; done < n; done += count)
        bench_check(fgmm_source_next(source, rows + done * row_bytes, n - done, &count));
    fgmm_source_close(source);
    info->rows = n;
    return rows;
}

float *bench_load_floats(const char *path, uint64_t n, fgmm_source_info *info)
{
    void *rows = bench_load_rows(path, n, info);
    if (info->type == FGMM_F32) return rows;
    if (info->type != FGMM_U8) bench_refuse("%s: the benchmark converts u8 only", path);
    const size_t count = (size_t)(info->rows * info->dims);
    float *floats = bench_alloc(count, sizeof *floats);
    for (size_t i = 0; i < count; i++) floats[i] = ((const unsigned char *)rows)[i];
    free(rows);
    return floats;
}
