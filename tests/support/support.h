/* support.h - what every test program shares: one main, checks with the library's error text, small helpers.
 * A test program defines `Suite *suite(void)`; test names are test_<module>__<behaviour>. */
#ifndef FG_TEST_SUPPORT_H
#define FG_TEST_SUPPORT_H

#include "flashgmm/flashgmm.h"

#include <check.h>
#include <stddef.h>
#include <stdint.h>

/* The program's tests, defined by each program; support.c holds main. */
Suite *suite(void);

/* One test case from a list of tests, with an optional checked fixture (NULL, NULL: none) and a time limit in
 * seconds. */
void add_case(Suite *s, const char *name, void (*setup)(void), void (*teardown)(void), double timeout_s,
              const TTest *const *tests, size_t count);
#define ADD_CASE(s, name, setup, teardown, timeout_s, tests)                                                           \
    add_case((s), (name), (setup), (teardown), (timeout_s), (tests), sizeof(tests) / sizeof((tests)[0]))

/* The call must succeed / must fail with `code` and a text that contains `part`. */
#define ck_ok(call)                                                                                                    \
    do {                                                                                                               \
        fgmm_status ck_status_ = (call);                                                                               \
        ck_assert_msg(ck_status_ == FGMM_OK, "%s: %s: %s", #call, fgmm_status_text(ck_status_), fgmm_last_error());    \
    } while (0)
#define ck_fails(call, code, part)                                                                                     \
    do {                                                                                                               \
        fgmm_status ck_status_ = (call);                                                                               \
        ck_assert_msg(ck_status_ == (code), "%s gave %s: %s", #call, fgmm_status_text(ck_status_), fgmm_last_error()); \
        ck_assert_msg(strstr(fgmm_last_error(), (part)) != NULL, "%s: \"%s\" lacks \"%s\"", #call, fgmm_last_error(),  \
                      (part));                                                                                         \
    } while (0)

/* What the test is about to try, in words, as for printf: "tied, group kernels". Where an assertion fails after that,
 * it is printed as well, since Check knows no more than the number of a loop's turn. Each call replaces the one
 * before. */
void now_testing(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_what_is_tested(void);
#define _ck_assert_failed(...) (print_what_is_tested(), (_ck_assert_failed)(__VA_ARGS__))

/* Both are the same kernels, or the same type of covariances; a failure names them. */
#define ck_backend_eq(a, b)    ck_assert_str_eq(fgmm_backend_name(a), fgmm_backend_name(b))
#define ck_backend_ne(a, b)    ck_assert_str_ne(fgmm_backend_name(a), fgmm_backend_name(b))
#define ck_covariance_eq(a, b) ck_assert_str_eq(fgmm_covariance_name(a), fgmm_covariance_name(b))

/* Ends the test, which counts as passed, with a line that says why: it is about what this device does not have. */
_Noreturn void skip_test(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Kernels for CPUs are for CPUs alone: others would take hours, if they can build them. */
void skip_unless_cpu(const fgmm_device *device, const char *what);

/* Forces the backend; skips the test where it is one for other devices. */
void use_backend(fgmm_device *device, fgmm_backend backend);

/* A path in a folder of this process's own that is removed at exit; valid until the next 8 calls. */
const char *temporary_path(const char *name);

#endif
