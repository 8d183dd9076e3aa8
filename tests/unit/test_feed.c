/* test_feed.c - where rows and weights lie in a batch, and which batches stay on the device. No device: batches
 * themselves are tested with one, system/test_em_stream.c. */
#include "support.h"

#include "batch.h"
#include "resident.h"

enum { D = 3, CAPACITY = 10, WHOLE_FOURS = 12 };

static fgmm_source *open_rows(fgmm_type type)
{
    static const double rows[D] = {0};
    fgmm_source *source;
    ck_ok(fgmm_source_from_memory(&source, rows, type, 1, D, 0));
    return source;
}

START_TEST(test_batch__weights_lie_before_rows)
{
    static const struct {
        fgmm_type type;
        size_t row_bytes; /* F64 rows become float on the device */
    } cases[] = {{FGMM_U8, D}, {FGMM_F16, 2 * D}, {FGMM_F32, 4 * D}, {FGMM_F64, 4 * D}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t weight_bytes = 0; weight_bytes <= 4; weight_bytes += 4) {
            fg_batch_layout layout;
            fgmm_source *source = open_rows(cases[i].type);
            const fg_weights weights = {.source = weight_bytes ? source : NULL};
            ck_ok(fg_batch_layout_of(&layout, source, &weights, CAPACITY));
            ck_assert_uint_eq(fg_batch_rows_at(&layout), WHOLE_FOURS * weight_bytes);
            ck_assert_uint_eq(fg_batch_bytes(&layout), WHOLE_FOURS * weight_bytes + CAPACITY * cases[i].row_bytes);
            const fg_rows batch = fg_batch_rows(&layout, NULL, 7, 2.5);
            ck_assert_uint_eq(batch.n, 7);
            ck_assert_uint_eq(batch.offset_bytes, WHOLE_FOURS * weight_bytes);
            ck_assert_uint_eq(batch.weights_bytes, 0);
            ck_assert_double_eq(batch.weight, weight_bytes ? 2.5 : 0);
            fgmm_source_close(source);
        }
}
END_TEST

START_TEST(test_batch__more_than_the_address_space_is_refused)
{
    fg_batch_layout layout;
    const fg_weights none = {0};
    fgmm_source *source = open_rows(FGMM_F32);
    ck_fails(fg_batch_layout_of(&layout, source, &none, SIZE_MAX / (4 * D) + 1), FGMM_MEMORY, "a batch of rows");
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_resident__batches_are_spread_evenly)
{
    for (uint64_t batches = 1; batches <= 20; batches++)
        for (uint64_t count = 1; count <= batches; count++) {
            fg_resident resident;
            uint64_t found = 0, last = 0;
            ck_ok(fg_resident_open(&resident, batches, count));
            for (uint64_t i = 0; i < batches; i++) {
                ck_assert_int_eq(fg_resident_is_missing(&resident, i), 1); /* until a first pass has ended */
                if (!fg_resident_has(&resident, i)) continue;
                /* from one to the next as many as others have, or one more or less */
                if (found > 0) ck_assert_uint_le(i - last, batches / count + (batches % count > 0));
                if (found > 0) ck_assert_uint_ge(i - last, batches / count);
                last = i;
                found++;
            }
            ck_assert_uint_eq(found, count);
            resident.is_filled = 1;
            for (uint64_t i = 0; i < batches; i++)
                ck_assert_int_eq(fg_resident_is_missing(&resident, i), !fg_resident_has(&resident, i));
            fg_resident_clear(&resident);
        }
    const fg_resident none = {0};
    ck_assert_int_eq(fg_resident_has(&none, 0), 0);
    ck_assert_int_eq(fg_resident_is_missing(&none, 0), 1);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_batch__weights_lie_before_rows,
        test_batch__more_than_the_address_space_is_refused,
        test_resident__batches_are_spread_evenly,
    };
    Suite *s = suite_create("feed");
    ADD_CASE(s, "feed", NULL, NULL, 60, tests);
    return s;
}
