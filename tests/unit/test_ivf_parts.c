/* test_ivf_parts.c - parts of the index that need no device: the probing rule's distances of centroids from a table and
 * as they are needed, the set of ids, what the header of an index may say. */
#include "rows.h"
#include "support.h"

#include "calibration.h"
#include "id_set.h"
#include "index.h"
#include "predictor.h"
#include "rng.h"
#include "writer.h"

#include <math.h>
#include <stdlib.h>

/* Sums of D squared differences in other orders. */
static const double SUM_TOLERANCE = 1e-5;

START_TEST(test_predictor__a_table_changes_nothing)
{
    enum { K = 12, D = 37, RANKS = 12 };
    float centroids[K * D], table[K * K], d[RANKS], with[FG_PREDICTOR_FEATURES], without[FG_PREDICTOR_FEATURES];
    float log_length[K] = {0}, log_relative[K] = {0}, log_rank[RANKS] = {0};
    int64_t lists[RANKS];
    const fg_calibration calibration = {.for_top = 10, .ranks = RANKS, .scale = 2};
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
    fg_predictor predictor = {&calibration, K, D, centroids, table, log_length, log_relative, log_rank};
    const fg_predictor_query query = {lists, d};
    for (uint32_t rank = 1; rank < RANKS; rank++) {
        predictor.inverse = table;
        fg_predictor_features(with, &predictor, &query, rank, 7);
        predictor.inverse = NULL;
        fg_predictor_features(without, &predictor, &query, rank, 7);
        for (int i = 0; i < FG_PREDICTOR_FEATURES; i++)
            ck_assert(fabs((double)with[i] - (double)without[i]) <= SUM_TOLERANCE * fabs((double)with[i]));
    }
}
END_TEST

/* (22), (23)  By hand: three lists in a plane, the query at the origin. */
START_TEST(test_predictor__features_are_those_of_the_equation)
{
    enum { K = 3, D = 2, RANK = 2 };
    static const float centroids[K * D] = {0, 5, 1, 0, 3, 0};
    static float log_length[K] = {1, 2, 3}, log_relative[K] = {0.25f, -0.5f, 0.75f},
                 log_rank[K] = {0, 0.6931472f, 1.0986123f};
    static const int64_t lists[K] = {1, 2, 0};
    static const float d[K] = {1, 9, 25}, rho2 = 4;
    const fg_calibration calibration = {
        .for_top = 10, .ranks = K, .scale = 12, .bias = 0.5, .weights = {1, 2, 3, 4, 5, 6, 7, 8}};
    const fg_predictor predictor = {&calibration, K, D, centroids, NULL, log_length, log_relative, log_rank};
    const fg_predictor_query query = {lists, d};
    /* the borders of list 0's cell: (25 - 1) / (2 sqrt 26) and (25 - 9) / (2 sqrt 34) */
    const double h = 24 / (2 * sqrt(26.0)), rho = sqrt((double)rho2);
    const double expected[FG_PREDICTOR_FEATURES] = {24.0 / 1,          24.0 / 12, h / rho,  h * h / (rho * rho),
                                                    24 / (double)rho2, 0.25,      log(3.0), log((double)rho2 / 1)};
    float found[FG_PREDICTOR_FEATURES];
    double score = 0.5 - 1;
    fg_predictor_features(found, &predictor, &query, RANK, rho2);
    for (int i = 0; i < FG_PREDICTOR_FEATURES; i++) {
        ck_assert_double_eq_tol((double)found[i], expected[i], SUM_TOLERANCE * fabs(expected[i]));
        score += (i + 1) * expected[i];
    }
    ck_assert_double_eq_tol((double)fg_predictor_score(&predictor, &query, RANK, rho2), score,
                            SUM_TOLERANCE * fabs(score));
    /* of the nearest borders the farthest counts, whichever list it is to */
    fg_predictor_features(found, &predictor, &query, 1, rho2);
    ck_assert_double_eq_tol((double)found[2], 8.0 / (2 * 2) / rho, SUM_TOLERANCE);
}
END_TEST

/* Between two points of the curve by the recall; at a point, its own; beyond the ends, theirs. */
START_TEST(test_calibration__thresholds_lie_between_those_of_the_curve)
{
    const fg_calibration calibration = {.points = 4, .threshold = {1, -1, -5, -6}, .recall = {0.5, 0.7, 0.7, 0.9}};
    static const struct {
        double recall, threshold;
    } cases[] = {{0.1, 1},  {0.5, 1},      {0.55, 0.5},   {0.6, 0},  {0.65, -0.5},
                 {0.7, -1}, {0.75, -5.25}, {0.85, -5.75}, {0.9, -6}, {0.99, -6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_double_eq_tol(fg_calibration_threshold(&calibration, cases[i].recall), cases[i].threshold, 1e-12);
}
END_TEST

START_TEST(test_id_set__knows_what_it_has_met)
{
    enum { MANY = 5000 };
    fg_id_set set = {0};
    for (uint64_t round = 1; round <= 3; round++) { /* filled anew, with room for more */
        ck_ok(fg_id_set_begin(&set, round * MANY));
        for (uint64_t i = 0; i < round * MANY; i++) {
            const int64_t id = i % 3 ? (int64_t)i << 40 : INT64_MAX - (int64_t)i;
            ck_assert_int_eq(fg_id_set_add(&set, id), 1);
            ck_assert_int_eq(fg_id_set_add(&set, id), 0);
        }
    }
    set.round = UINT32_MAX; /* the numbers of turns run out */
    ck_ok(fg_id_set_begin(&set, 1));
    ck_assert_int_eq(fg_id_set_add(&set, 0), 1);
    fg_id_set_free(&set);
}
END_TEST

/* A sound file but for what its header says: two rows in two lists. */
static const char *write_index(const fgmm_index_info *info, uint64_t rows, uint64_t next_id)
{
    static const float centroids[] = {0, 0, 5, 5};
    static const uint64_t capacities[] = {1, 1};
    const float row[] = {1, 2};
    const char *path = temporary_path("said.ivf");
    fg_index_head head = {.centroids = centroids, .info = *info};
    fg_index_writer *writer;
    head.info.lists = head.info.dims = 2;
    head.info.type = FGMM_U8;
    ck_ok(fg_index_writer_open(&writer, path, &head, capacities, 4096));
    for (int i = 0; i < 2; i++) ck_ok(fg_index_writer_add(writer, (uint64_t)i, i, row));
    ck_ok(fg_index_writer_flush(writer, rows, next_id));
    ck_ok(fg_index_writer_commit(writer));
    return path;
}

START_TEST(test_index__a_header_that_contradicts_itself_is_refused)
{
    const struct {
        fgmm_index_info info;
        uint64_t rows, next_id;
        const char *text; /* NULL: sound */
    } cases[] = {
        {{.assignment = FGMM_ASSIGN_RESIDUAL, .max_lists = 2, .tau = 1.5}, 2, 2, NULL},
        {{.assignment = FGMM_ASSIGN_HARD, .max_lists = 1}, 2, 2, NULL},
        {{.assignment = FGMM_ASSIGN_SOFT, .max_lists = 2, .tau = .5},
         2,
         2,
         "by responsibility (soft), but holds no mix"},
        {{.assignment = FGMM_ASSIGN_RESIDUAL, .max_lists = 3, .tau = 1.5}, 2, 2, "residual assignment with 3 lists"},
        {{.assignment = FGMM_ASSIGN_HARD, .max_lists = 2}, 2, 2, "hard assignment with 2 lists"},
        {{.assignment = FGMM_ASSIGN_RESIDUAL, .max_lists = 2, .tau = -1}, 2, 2, "tau = -1"},
        {{.assignment = FGMM_ASSIGN_HARD, .max_lists = 1}, 0, 2, "rows = 0, but lists hold 2"},
        {{.assignment = FGMM_ASSIGN_HARD, .max_lists = 1}, 3, 3, "rows = 3, but lists hold 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = write_index(&cases[i].info, cases[i].rows, cases[i].next_id);
        fgmm_index *index;
        if (cases[i].text)
            ck_fails(fgmm_index_open(&index, path), FGMM_FORMAT, cases[i].text);
        else
            ck_ok(fgmm_index_open(&index, path));
        fgmm_index_close(index);
    }
}
END_TEST

/* The numbers 0 .. 5, in two rows. */
static fgmm_status read_six(const char *path)
{
    int64_t *ids;
    uint64_t rows, cols;
    const fgmm_status status = fgmm_ids_read(&ids, &rows, &cols, path);
    if (status != FGMM_OK) {
        ck_assert_ptr_null(ids);
        return status;
    }
    ck_assert(rows == 2 && cols == 3);
    for (int i = 0; i < 6; i++) ck_assert_int_eq(ids[i], i);
    free(ids);
    return FGMM_OK;
}

START_TEST(test_ids__every_format)
{
    const int32_t ivecs[] = {3, 0, 1, 2, 3, 3, 4, 5}, ibin[] = {2, 3, 0, 1, 2, 3, 4, 5, 9, 9, 9, 9, 9, 9};
    const unsigned char u1[] = {0, 1, 2, 3, 4, 5}, u1_columns[] = {0, 3, 1, 4, 2, 5},
                        u2_big[] = {0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5};
    const int64_t i8[] = {0, 1, 2, 3, 4, 5};
    const double f8[] = {0, 1, 2, 3, 4.5, 5};
    ck_ok(read_six(write_file("a.ivecs", ivecs, sizeof ivecs)));
    ck_ok(read_six(write_file("a.ibin", ibin, 8 * sizeof *ibin)));
    ck_ok(read_six(write_file("a.ibin", ibin, sizeof ibin))); /* distances behind */
    ck_ok(
        read_six(write_npy("a.npy", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }", i8, sizeof i8)));
    ck_ok(read_six(write_npy("a.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", u1, 6)));
    ck_ok(read_six(write_npy("a.npy", 1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", u1_columns, 6)));
    ck_ok(read_six(write_npy("a.npy", 1, "{'descr': '>u2', 'fortran_order': False, 'shape': (2, 3), }", u2_big, 12)));
    ck_ok(read_six(write_file("a.csv", "0,1,2\n3,4,5\n", 12)));
    ck_fails(read_six(write_file("a.ibin", ibin, 9 * sizeof *ibin)), FGMM_FORMAT, "need 24 bytes, or twice as many");
    ck_fails(read_six(write_file("a.ibin", ibin, 5)), FGMM_FORMAT, "ends within its header");
    ck_fails(read_six(write_file("a.csv", "0,1,2\n3,4.5,5\n", 14)), FGMM_DATA, "row 1, column 1: 4.5 is no whole");
    ck_fails(
        read_six(write_npy("a.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", f8, sizeof f8)),
        FGMM_FORMAT, "no integers");
    const uint64_t large[] = {0, 1, 2, 3, 1ull << 63, 5};
    ck_fails(read_six(write_npy("a.npy", 1, "{'descr': '<u8', 'fortran_order': False, 'shape': (2, 3), }", large,
                                sizeof large)),
             FGMM_DATA, "row 1, column 1: 9223372036854775808 is beyond");
    int64_t *ids;
    uint64_t rows, cols;
    ck_ok(fgmm_ids_read(&ids, &rows, &cols,
                        write_npy("a.npy", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (0,), }", "", 0)));
    ck_assert_uint_eq(rows, 0);
    free(ids);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("ivf parts");
    TCase *c = tcase_create("ivf parts");
    tcase_add_test(c, test_predictor__a_table_changes_nothing);
    tcase_add_test(c, test_predictor__features_are_those_of_the_equation);
    tcase_add_test(c, test_calibration__thresholds_lie_between_those_of_the_curve);
    tcase_add_test(c, test_id_set__knows_what_it_has_met);
    tcase_add_test(c, test_index__a_header_that_contradicts_itself_is_refused);
    tcase_add_test(c, test_ids__every_format);
    suite_add_tcase(s, c);
    return s;
}
