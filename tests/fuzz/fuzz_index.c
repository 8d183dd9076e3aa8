/* fuzz_index.c - any bytes, opened as an index: an error that names the file, or an index whose lists can be read and
 * written again. Never anything else. */
#define _DEFAULT_SOURCE /* mkstemp */
#include "fuzz.h"

#include "index.h"
#include "writer.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, fgmm_last_error());        \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Of the native header (native.c): bytes that its checksum covers, where the tables end, where their checksum lies. */
enum { HEADER_BYTES = 256, HEADER_HASH_AT = 248, TABLES_HASH_AT = 240, IDS_AT = 120 };

static void check_lists(const fgmm_index *index)
{
    const size_t row_bytes = fg_index_row_bytes(index);
    unsigned char *row = malloc(row_bytes);
    uint64_t entries = 0;
    REQUIRE(row);
    for (uint64_t list = 0; list < index->info.lists; list++) {
        const uint64_t length = fgmm_index_list_length(index, list);
        for (uint64_t i = 0; i < length; i++) {
            REQUIRE(fgmm_index_list_ids(index, list)[i] >= 0);
            REQUIRE((uint64_t)fgmm_index_list_ids(index, list)[i] < index->info.next_id);
            REQUIRE(fg_index_read_rows(index, list, i, 1, row) == FGMM_OK);
        }
        entries += length;
    }
    REQUIRE(entries == index->info.entries && entries >= index->info.rows);
    REQUIRE(index->calibration.for_top == 0 || index->calibration.points >= 1);
    free(row);
}

static void open_bytes(const uint8_t *bytes, size_t count)
{
    char path[] = "/tmp/flashgmm-fuzz-XXXXXX";
    const int file = mkstemp(path);
    REQUIRE(file >= 0 && write(file, bytes, count) == (ssize_t)count);
    close(file);
    fgmm_index *index;
    const fgmm_status status = fgmm_index_open(&index, path);
    if (status == FGMM_OK) {
        check_lists(index);
        fgmm_index_close(index);
    } else {
        REQUIRE(status == FGMM_FORMAT || status == FGMM_DATA || status == FGMM_IO || status == FGMM_MEMORY ||
                status == FGMM_UNSUPPORTED);
        REQUIRE(index == NULL && strncmp(fgmm_last_error(), path, strlen(path)) == 0);
    }
    unlink(path);
}

/* Makes both checksums right, so that changes reach what lies behind them. */
static void fix_hashes(uint8_t *bytes, size_t count)
{
    uint64_t ids_at, hash;
    if (count < HEADER_BYTES) return;
    memcpy(&ids_at, bytes + IDS_AT, sizeof ids_at);
    if (ids_at >= HEADER_BYTES && ids_at <= count) {
        hash = fg_hash(FG_HASH_BEGIN, bytes + HEADER_BYTES, (size_t)ids_at - HEADER_BYTES);
        memcpy(bytes + TABLES_HASH_AT, &hash, sizeof hash);
    }
    hash = fg_hash(FG_HASH_BEGIN, bytes, HEADER_HASH_AT);
    memcpy(bytes + HEADER_HASH_AT, &hash, sizeof hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    uint8_t *fixed = malloc(count ? count : 1);
    REQUIRE(fixed);
    if (count) memcpy(fixed, bytes, count);
    open_bytes(bytes, count);
    fix_hashes(fixed, count);
    open_bytes(fixed, count);
    free(fixed);
    return 0;
}

/* ---- seeds: small indexes, as the library writes them ---- */

enum { K = 3, D = 2 };

static size_t write_seed(const char *path, fgmm_index_format format, const fgmm_model *mixture, uint8_t *bytes,
                         size_t capacity)
{
    static const float centroids[K * D] = {0, 0, 5, 5, -5, 5};
    static const uint64_t capacities[K] = {2, 0, 3};
    fg_index_head head = {.centroids = centroids,
                          .mixture = mixture,
                          .info = {.lists = K,
                                   .dims = D,
                                   .type = format == FGMM_INDEX_FAISS ? FGMM_F32 : FGMM_U8,
                                   .assignment = FGMM_ASSIGN_RESIDUAL,
                                   .format = format,
                                   .max_lists = 2,
                                   .tau = 1.5},
                          .calibration = {.for_top = mixture ? 10 : 0, .ranks = K, .points = 2, .scale = 1}};
    const float row[D] = {1, 2};
    fg_index_writer *writer;
    head.calibration.threshold[1] = -3;
    head.calibration.recall[1] = 1;
    REQUIRE(fg_index_writer_open(&writer, path, &head, capacities, 4096) == FGMM_OK);
    for (int i = 0; i < 4; i++) REQUIRE(fg_index_writer_add(writer, i < 2 ? 0 : 2, i % 3, row) == FGMM_OK);
    if (format == FGMM_INDEX_FAISS) REQUIRE(fg_index_writer_add(writer, 2, 2, row) == FGMM_OK);
    REQUIRE(fg_index_writer_flush(writer, 3, 3) == FGMM_OK && fg_index_writer_commit(writer) == FGMM_OK);
    FILE *file = fopen(path, "rb");
    REQUIRE(file);
    const size_t count = fread(bytes, 1, capacity, file);
    fclose(file);
    return count;
}

size_t fuzz_seed(size_t index, uint8_t *bytes, size_t capacity)
{
    static const double weights[K] = {0.5, 0.25, 0.25}, means[K * D] = {0, 0, 5, 5, -5, 5}, variances[K] = {1, 2, 3};
    char path[] = "/tmp/flashgmm-seed-XXXXXX";
    fgmm_model *mixture = NULL;
    if (index > 2) return 0;
    const int file = mkstemp(path);
    REQUIRE(file >= 0);
    close(file);
    if (index == 1) REQUIRE(fgmm_model_create(&mixture, FGMM_SPHERICAL, K, D, weights, means, variances) == FGMM_OK);
    const size_t count = write_seed(path, index == 2 ? FGMM_INDEX_FAISS : FGMM_INDEX_NATIVE, mixture, bytes, capacity);
    fgmm_model_free(mixture);
    unlink(path);
    return count;
}
