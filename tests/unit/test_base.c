/* test_base.c - status texts, checked products, random streams, atomic files, memory limits, queues. No device. */
#include "support.h"

#include "cholesky.h"
#include "file.h"
#include "memory.h"
#include "rng.h"
#include "size.h"
#include "thread.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_status__every_code_has_a_text)
{
    ck_assert_str_eq(fgmm_status_text(FGMM_OK), "success");
    ck_assert_str_eq(fgmm_status_text((fgmm_status)999), "unknown status");
    ck_assert_int_eq(fg_fail(FGMM_DATA, "rows = %d", 3), FGMM_DATA);
    ck_assert_str_eq(fgmm_last_error(), "rows = 3");
    fg_fail_prefix(FGMM_DATA, "a.npy");
    ck_assert_str_eq(fgmm_last_error(), "a.npy: rows = 3");
}
END_TEST

START_TEST(test_size__products_do_not_wrap)
{
    size_t product;
    ck_ok(fg_size_product3(&product, 3, 5, 7, "x"));
    ck_assert_uint_eq(product, 105);
    ck_fails(fg_size_product(&product, UINT64_MAX / 2, 3, "rows"), FGMM_MEMORY, "rows");
    ck_assert_uint_eq(fg_round_up(17, 16), 32);
    ck_assert_uint_eq(fg_round_up(0, 16), 0);
}
END_TEST

/* Known answer of Philox4x32-10 for counter 0, key 0 (Random123's kat_vectors). */
START_TEST(test_rng__philox_known_answer)
{
    fg_rng rng;
    fg_rng_init(&rng, 0, 0, 0);
    const uint32_t expected[] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
    for (int i = 0; i < 4; i++) ck_assert_uint_eq(fg_rng_u32(&rng), expected[i]);
}
END_TEST

START_TEST(test_rng__normal_has_unit_moments)
{
    fg_rng rng;
    fg_rng_init(&rng, 7, 1, 0);
    enum { COUNT = 200000 };
    double sum = 0, squares = 0;
    for (int i = 0; i < COUNT; i++) {
        double value = fg_rng_normal(&rng);
        sum += value;
        squares += value * value;
    }
    ck_assert_double_eq_tol(sum / COUNT, 0, 5 / sqrt(COUNT)); /* five standard errors */
    ck_assert_double_eq_tol(squares / COUNT, 1, 5 * sqrt(2.0 / COUNT));
    for (int i = 0; i < 1000; i++) ck_assert_uint_lt(fg_rng_below(&rng, 3), 3);
}
END_TEST

START_TEST(test_file__replaced_whole_or_not_at_all)
{
    const char *path = temporary_path("x");
    fg_atomic_file *file;
    unsigned char *bytes;
    size_t count;
    ck_ok(fg_atomic_open(&file, path));
    ck_ok(fg_atomic_write(file, "old", 3));
    ck_ok(fg_atomic_commit(file));
    ck_ok(fg_atomic_open(&file, path));
    ck_ok(fg_atomic_write(file, "new text", 8));
    fg_atomic_abandon(file);
    ck_ok(fg_file_read_all(&bytes, &count, path, 100));
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq((char *)bytes, "old");
    free(bytes);
    ck_fails(fg_file_read_all(&bytes, &count, path, 2), FGMM_FORMAT, "3 bytes");
    ck_fails(fg_atomic_open(&file, "/nonexistent/x"), FGMM_IO, "/nonexistent/x");
    ck_fails(fg_atomic_open(&file, "/dev/null"), FGMM_IO, "no regular file");
    ck_fails(fg_atomic_open(&file, "/tmp"), FGMM_IO, "a folder");
    ck_assert_ptr_null(file);
}
END_TEST

static unsigned permissions(const char *path)
{
    struct stat facts;
    ck_assert_int_eq(stat(path, &facts), 0);
    return facts.st_mode & 0777;
}

/* A file that others may not read, or that a group may write, stays so when it is replaced, also while it is
 * written. */
START_TEST(test_file__a_replaced_file_keeps_its_permissions)
{
    static const unsigned modes[] = {0600, 0640, 0664, 0444, 0755};
    const char *path = temporary_path("permissions");
    const mode_t before = umask(027);
    fg_atomic_file *file;
    ck_ok(fg_file_replace(path, "new", 3));
    ck_assert_uint_eq(permissions(path), 0640);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        ck_assert_int_eq(chmod(path, modes[i]), 0);
        ck_ok(fg_atomic_open(&file, path));
        ck_assert_uint_eq(permissions(fg_atomic_temporary(file)) & ~(modes[i] | 0600), 0);
        ck_ok(fg_atomic_commit(file));
        ck_assert_uint_eq(permissions(path), modes[i]);
    }
    umask(before);
}
END_TEST

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void make_file(const char *path)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fclose(file);
}

/* A path in a new folder of its own. */
static const char *path_in(const char *folder, const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *new_folder(const char *name)
{
    const char *folder = temporary_path(name);
    ck_ok(fg_make_folders(folder));
    return folder;
}

/* A process that dies while it writes leaves a file that the next write into the folder removes, also under another
 * name. What a living one writes, and what only looks alike, stays. */
START_TEST(test_file__leftovers_of_dead_processes_are_removed)
{
    const char *folder = new_folder("leftovers");
    fg_atomic_file *living, *next;
    char left[512], beside[512];
    int names[2];
    ck_assert_int_eq(pipe(names), 0);
    const pid_t child = fork();
    if (child == 0) {
        fg_atomic_file *file;
        const int is_open = fg_atomic_open(&file, path_in(folder, "killed")) == FGMM_OK;
        if (is_open) snprintf(left, sizeof left, "%s", fg_atomic_temporary(file));
        const ssize_t written = is_open ? write(names[1], left, sizeof left) : 0;
        for (; written == (ssize_t)sizeof left;) pause();
        _exit(1);
    }
    ck_assert_int_eq(read(names[0], left, sizeof left), (int)sizeof left);
    ck_ok(fg_atomic_open(&living, path_in(folder, "living")));
    ck_assert(exists(left)); /* its process lives */
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    const char *const alike[] = {"x.fgmm-tmp-0123", "x.fgmm-tmp-0123456789abcdeg", "x.fgmm-tmp-0123456789abcdef.npy",
                                 ".fgmm-tmp-0123456789abcdef"};
    const char *unlocked = path_in(folder, "of another host.fgmm-tmp-0123456789abcdef");
    snprintf(beside, sizeof beside, "%s", unlocked);
    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++) make_file(path_in(folder, alike[i]));
    make_file(beside);
    ck_ok(fg_make_folders(path_in(folder, "folder.fgmm-tmp-0123456789abcdef")));
    ck_assert(exists(left));
    ck_ok(fg_atomic_open(&next, path_in(folder, "other")));
    ck_assert(!exists(left));
    ck_assert(!exists(beside));
    ck_assert(exists(path_in(folder, "folder.fgmm-tmp-0123456789abcdef")));
    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++) ck_assert(exists(path_in(folder, alike[i])));
    ck_assert(exists(fg_atomic_temporary(living)));
    ck_assert(exists(fg_atomic_temporary(next)));
    ck_ok(fg_atomic_commit(living));
    fg_atomic_abandon(next);
    ck_assert(exists(path_in(folder, "living")));
    ck_assert(!exists(path_in(folder, "other")));
}
END_TEST

/* The temporary name is never longer than a name may be, and is no half of a character. */
START_TEST(test_file__names_of_255_bytes)
{
    const char *folder = new_folder("long");
    char name[300];
    for (size_t lead = 0; lead < 2; lead++) {
        fg_atomic_file *file;
        memset(name, 'a', sizeof name);
        for (size_t i = lead; i + 1 < 255; i += 2) memcpy(name + i, "\xc3\xa9", 2);
        name[255] = 0;
        if (!lead) name[254] = 'a';
        const char *path = path_in(folder, name);
        ck_ok(fg_atomic_open(&file, path));
        const char *beside = strrchr(fg_atomic_temporary(file), '/') + 1, *mark = strstr(beside, ".fgmm-tmp-");
        ck_assert_uint_le(strlen(beside), 255);
        ck_assert_ptr_nonnull(mark);
        ck_assert(mark[-1] == (char)0xa9); /* a whole one */
        ck_ok(fg_atomic_commit(file));
        ck_assert(exists(path));
        name[255] = 'a';
        name[256] = 0;
        ck_fails(fg_atomic_open(&file, path_in(folder, name)), FGMM_IO, "File name too long");
    }
}
END_TEST

static void write_text(const char *folder, const char *group, const char *file, const char *text)
{
    ck_ok(fg_make_folders(path_in(folder, group)));
    char path[512];
    snprintf(path, sizeof path, "%s/%s", path_in(folder, group), file);
    ck_ok(fg_file_replace(path, text, strlen(text)));
}

/* Of nested groups the least limit holds; "max", version 1's huge number and missing files are none. */
START_TEST(test_memory__limits_of_control_groups)
{
    static const struct group {
        const char *name, *file, *text;
    } groups[] = {
        {"v2/user/outer", "memory.max", "3000000\n"},
        {"v2/user/outer/inner", "memory.max", "max\n"},
        {"v2/user/outer/inner", "memory.high", "max\n"},
        {"v2/soft", "memory.high", "2000000\n"},
        {"v2/soft", "memory.max", "4000000\n"},
        {"v2/free", "memory.max", "max\n"},
        {"v1/memory/docker/abc", "memory.limit_in_bytes", "5000000\n"},
        {"v1/memory", "memory.limit_in_bytes", "9223372036854771712\n"},
        {"inside/memory", "memory.limit_in_bytes", "6000000\n"}, /* a container sees its own group as the root */
        {"inside2", "memory.max", "7000000\n"},
        {"both/unified/a", "memory.max", "8000000\n"},
        {"both/memory/b", "memory.limit_in_bytes", "9000000\n"},
    };
    static const struct expectation {
        const char *root, *membership;
        uint64_t limit;
    } expected[] = {
        {"v2", "0::/user/outer/inner\n", 3000000},
        {"v2", "0::/soft\n", 2000000},
        {"v2", "0::/free\n", UINT64_MAX},
        {"v2", "0::/\n", UINT64_MAX},
        {"v2", "0::/gone/away\n", UINT64_MAX},
        {"v2", "", UINT64_MAX},
        {"v2", "nonsense\n0:\n", UINT64_MAX},
        {"v1", "12:cpu,cpuacct:/x\n3:memory:/docker/abc\n", 5000000},
        {"v1", "3:hugetlb,memory:/docker/abc/below\n", 5000000},
        {"v1", "3:memory:/\n", 9223372036854771712u},
        {"v1", "3:memoryless:/docker/abc\n", UINT64_MAX},
        {"inside", "3:memory:/docker/0123456789\n", 6000000},
        {"inside2", "0::/docker/0123456789\n", 7000000},
        {"both", "0::/a\n3:memory:/b\n", 8000000},
        {"both", "3:memory:/b\n0::/c\n", 9000000},
    };
    const char *folder = new_folder("groups");
    char membership[512], root[512];
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        write_text(folder, groups[i].name, groups[i].file, groups[i].text);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        snprintf(membership, sizeof membership, "%s", path_in(folder, "cgroup"));
        snprintf(root, sizeof root, "%s", path_in(folder, expected[i].root));
        ck_ok(fg_file_replace(membership, expected[i].membership, strlen(expected[i].membership)));
        const uint64_t limit = fg_group_memory_bytes(membership, root);
        ck_assert_msg(limit == expected[i].limit, "%s, %s: %llu", expected[i].root, expected[i].membership,
                      (unsigned long long)limit);
    }
    ck_assert_uint_eq(fg_group_memory_bytes("/nonexistent", root), UINT64_MAX);
    ck_assert_uint_gt(fg_machine_memory_bytes(), 0);
}
END_TEST

static void push_all(void *queue)
{
    for (size_t i = 0; i < 100; i++) fg_queue_push(queue, i);
    fg_queue_close(queue);
}

START_TEST(test_thread__queue_keeps_order)
{
    fg_queue *queue;
    fg_thread *thread;
    ck_ok(fg_queue_create(&queue, 2));
    ck_ok(fg_thread_start(&thread, push_all, queue));
    size_t index, expected = 0;
    while (fg_queue_pop(queue, &index)) ck_assert_uint_eq(index, expected++);
    ck_assert_uint_eq(expected, 100);
    fg_thread_join(thread);
    fg_queue_free(queue);
}
END_TEST

typedef struct share {
    size_t index, count;
    unsigned processors, after; /* that are left; that it has again at the end */
} share;

static void claim_share(void *argument)
{
    share *mine = argument;
    fg_thread_places before;
    fg_thread_spread(&before, mine->index, mine->count);
    mine->processors = fg_processors();
    fg_thread_return(&before);
    mine->after = fg_processors();
}

/* All processors are somebody's; more threads than processors keep all of them. */
START_TEST(test_thread__spread_threads_share_the_processors)
{
    const unsigned all = fg_processors();
    ck_assert_uint_ge(all, 1);
    for (size_t count = 1; count <= (size_t)all + 1; count++) {
        unsigned sum = 0;
        for (size_t i = 0; i < count; i++) {
            share mine = {i, count, 0, 0};
            fg_thread *thread;
            ck_ok(fg_thread_start(&thread, claim_share, &mine));
            fg_thread_join(thread);
            ck_assert_uint_ge(mine.processors, 1);
            ck_assert_uint_eq(mine.after, all);
            sum += mine.processors;
        }
        ck_assert_uint_eq(sum, count <= all ? all : count * all);
    }
    ck_assert_uint_eq(fg_processors(), all);
}
END_TEST

/* U^T U = A and W A W^T = 1 for sizes around the panel of 8; what cannot be factored is named, or raised. */
START_TEST(test_cholesky__factor_and_inverse)
{
    enum { MOST = 17 };
    static double a[MOST * MOST], u[MOST * MOST], w[MOST * MOST], t[MOST];
    static const uint64_t sizes[] = {1, 7, 8, 9, 17};
    const double rounding = 1e-12;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const uint64_t d = sizes[s];
        for (uint64_t i = 0; i < d; i++)
            for (uint64_t j = 0; j < d; j++)
                a[i * d + j] = u[i * d + j] = 1 / (1 + fabs((double)i - (double)j)) + (i == j ? 1 : 0);
        ck_assert_uint_eq(fg_cholesky(u, d), d);
        fg_cholesky_inverse(w, u, d);
        for (uint64_t i = 0; i < d; i++)
            for (uint64_t j = i; j < d; j++) {
                double sum = 0;
                for (uint64_t e = 0; e <= i; e++) sum += u[e * d + i] * u[e * d + j];
                ck_assert_double_eq_tol(sum, a[i * d + j], rounding);
            }
        for (uint64_t i = 0; i < d; i++) {
            for (uint64_t c = 0; c < d; c++) {
                t[c] = 0;
                for (uint64_t e = 0; e < d; e++) t[c] += a[c * d + e] * w[i * d + e];
            }
            for (uint64_t j = 0; j < d; j++) {
                double sum = 0;
                for (uint64_t c = 0; c < d; c++) sum += w[j * d + c] * t[c];
                ck_assert_double_eq_tol(sum, i == j, rounding);
            }
        }
    }
}
END_TEST

START_TEST(test_cholesky__singular_matrices_are_named_or_raised)
{
    const double a[] = {4, 2, 2, 1};
    double u[4], least[] = {1e-6, 1e-6};
    memcpy(u, a, sizeof u);
    ck_assert_uint_eq(fg_cholesky(u, 2), 1);
    memcpy(u, a, sizeof u);
    ck_assert_uint_eq(fg_cholesky_raised(u, 2, least), 1);
    ck_assert_double_eq_tol(u[3], 1e-3, 1e-12);
    ck_assert_double_eq(least[0], 0);
    ck_assert_double_eq_tol(least[1], 1e-6, 1e-12);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_status__every_code_has_a_text,
        test_size__products_do_not_wrap,
        test_rng__philox_known_answer,
        test_rng__normal_has_unit_moments,
        test_file__replaced_whole_or_not_at_all,
        test_file__a_replaced_file_keeps_its_permissions,
        test_file__leftovers_of_dead_processes_are_removed,
        test_file__names_of_255_bytes,
        test_memory__limits_of_control_groups,
        test_thread__queue_keeps_order,
        test_thread__spread_threads_share_the_processors,
        test_cholesky__factor_and_inverse,
        test_cholesky__singular_matrices_are_named_or_raised,
    };
    Suite *s = suite_create("base");
    ADD_CASE(s, "base", NULL, NULL, 60, tests);
    return s;
}
