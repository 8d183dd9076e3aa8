/* test_ivf_parts.c - parts of the index that need no device: the probing rule's distances of centroids from a table and
 * as they are needed, the set of ids. */
#include "support.h"

#include "id_set.h"
#include "rng.h"
#include "rule.h"

#include <math.h>
#include <stdlib.h>

/* Sums of D squared differences in other orders. */
static const float SUM_TOLERANCE = 1e-5f;

START_TEST(test_rule__a_table_changes_nothing)
{
    enum { K = 12, D = 37, RANKS = 12 };
    float centroids[K * D], table[K * K], d[RANKS], with[FG_RULE_FEATURES], without[FG_RULE_FEATURES];
    float log_length[K] = {0}, log_relative[K] = {0}, log_rank[RANKS] = {0};
    int64_t lists[RANKS];
    const fg_dial dial = {.for_top = 10, .ranks = RANKS, .scale = 2};
    fg_rng rng;
    fg_rng_init(&rng, 1, 1, 0);
    for (int i = 0; i < K * D; i++) centroids[i] = (float)fg_rng_normal(&rng);
    for (int j = 0; j < D; j++) centroids[5 * D + j] = centroids[j]; /* two are equal */
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) {
            double sum = 0;
            for (int c = 0; c < D; c++) {
                const double t = (double)centroids[i * D + c] - (double)centroids[j * D + c];
                sum += t * t;
            }
            table[i * K + j] = sum > 0 ? (float)(0.5 / sqrt(sum)) : 0;
        }
    for (int i = 0; i < RANKS; i++) {
        lists[i] = (i * 7) % K;
        d[i] = 20 + (float)i;
    }
    fg_rule rule = {&dial, K, D, centroids, table, log_length, log_relative, log_rank};
    const fg_rule_query query = {lists, d};
    for (uint32_t rank = 1; rank < RANKS; rank++) {
        rule.inverse = table;
        fg_rule_features(with, &rule, &query, rank, 7);
        rule.inverse = NULL;
        fg_rule_features(without, &rule, &query, rank, 7);
        for (int i = 0; i < FG_RULE_FEATURES; i++)
            ck_assert(fabsf(with[i] - without[i]) <= SUM_TOLERANCE * fabsf(with[i]));
    }
}
END_TEST

START_TEST(test_id_set__knows_what_it_has_met)
{
    enum { MANY = 5000 };
    fg_id_set set = {0};
    for (uint64_t turn = 1; turn <= 3; turn++) { /* filled anew, with room for more */
        ck_ok(fg_id_set_begin(&set, turn * MANY));
        for (uint64_t i = 0; i < turn * MANY; i++) {
            const int64_t id = i % 3 ? (int64_t)i << 40 : INT64_MAX - (int64_t)i;
            ck_assert_int_eq(fg_id_set_add(&set, id), 1);
            ck_assert_int_eq(fg_id_set_add(&set, id), 0);
        }
    }
    set.turn = UINT32_MAX; /* the numbers of turns run out */
    ck_ok(fg_id_set_begin(&set, 1));
    ck_assert_int_eq(fg_id_set_add(&set, 0), 1);
    fg_id_set_free(&set);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("ivf parts");
    TCase *c = tcase_create("ivf parts");
    tcase_add_test(c, test_rule__a_table_changes_nothing);
    tcase_add_test(c, test_id_set__knows_what_it_has_met);
    suite_add_tcase(s, c);
    return s;
}
