/* contender.h - what every program of the benchmark shares: words KEY=VALUE on the command line, rows and the start
 * model from files, clocks, and the conversation with bench.py.
 *
 * A contender loads its data, warms up, prints "ready" and waits. For each line on its standard input it takes one
 * measurement and answers with one line of words KEY=VALUE. So bench.py lets several of them take turns, and nobody's
 * start-up is measured. It ends at the end of its input. What a contender cannot do it says in one line on standard
 * error, and exits.
 */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <flashgmm/flashgmm.h>
#include <flashgmm/testing.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Seconds since some moment: wall clock, and processor time of the whole process (user and system, all threads). */
typedef struct bench_clock {
    double wall_s, cpu_s;
} bench_clock;

bench_clock bench_now(void);

/* (later - earlier) / parts */
bench_clock bench_between(bench_clock earlier, bench_clock later, uint64_t parts);

/* What one measurement gave. */
typedef struct bench_answer {
    bench_clock time;      /* of one iteration, or of one repetition of the operation */
    double log_likelihood; /* mean per row, nats, under the parameters before the last iteration; NaN: not taken */
    char facts[384];       /* more words KEY=VALUE, or "" */
} bench_answer;

/* Answers lines until the end of the input; returns what main returns. */
int bench_serve(bench_answer (*measure)(void *user), void *user);

/* The value of the word KEY=VALUE, or the fallback; NULL as the fallback: the word is required. */
const char *bench_word(int argc, char **argv, const char *key, const char *fallback);
uint64_t bench_count(int argc, char **argv, const char *key, const char *fallback);

/* Prints the line and ends the program. */
void bench_refuse(const char *format, ...);

/* Refuses with the library's text unless the status is FGMM_OK. */
void bench_check(fgmm_status status);

/* The kernel backend of that name; refuses what is none. */
fgmm_backend bench_backend(const char *name);

/* The first n rows of a file (0: all; no more than it has), in the file's own type; freed with free(). info: rows is
 * what was read. */
void *bench_load_rows(const char *path, uint64_t n, fgmm_source_info *info);

/* The same as float32, (n,d). */
float *bench_load_floats(const char *path, uint64_t n, fgmm_source_info *info);

void *bench_alloc(size_t count, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
