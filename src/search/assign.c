/* assign.c - enqueues cl/search/scan_{cpu,gpu}.cl and cl/search/assign.cl: rows against all centroids. */
#include "assign.h"

#include "arguments/search.h"
#include "backend.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

/* Rows at a time: their distances to all centroids are on the device, and stay in a cache where they can. */
enum { DISTANCE_FLOATS = 1 << 22, ROWS_MAX = 1 << 14, GROUP_ITEMS = 64 };

struct fg_assign {
    fgmm_device *device;
    const fg_list_storage *storage;
    const float *centroids; /* (k,d) */
    int has_second, has_table;
    fg_scan *scan, *scan_between; /* the latter's out holds what is computed of `between`, without a table */
    uint32_t k, stride, most;     /* stride: k rounded up to 16; most: rows at a time */
    size_t local;
    fg_buffer *table, *first, *second, *ratio;
    float *nearest; /* (most,d) the rows' first centroids, without a table */
    cl_kernel assign_first, assign_second;
};

fgmm_status fg_centroid_storage(fg_list_storage **storage, fgmm_device *device, const float *centroids, uint64_t k,
                                uint64_t d)
{
    fgmm_status status = FGMM_OK;
    int64_t *ids = NULL;
    *storage = NULL;
    FG_TRY(FG_ALLOC(&ids, k, "centroids"));
    for (uint64_t i = 0; i < k; i++) ids[i] = (int64_t)i;
    FG_TRY(fg_list_storage_create(storage, device, FGMM_F32, d, &k, 1));
    FG_CHECK((*storage)->segment_count == 1, FGMM_MEMORY,
             "centroids: K = %llu, D = %llu take more than the device allocates at once", (unsigned long long)k,
             (unsigned long long)d);
    FG_TRY(fg_list_storage_write(*storage, 0, 0, k, centroids, ids));
done:
    free(ids);
    if (status != FGMM_OK) {
        fg_list_storage_free(*storage);
        *storage = NULL;
    }
    return status;
}

/* Queries whose distances to all k centroids are held together. */
static uint32_t rows_at_a_time(uint64_t k)
{
    return (uint32_t)fg_max_u64(1, fg_min_u64(ROWS_MAX, DISTANCE_FLOATS / fg_round_up(k, FG_BLOCK_ROWS)));
}

fgmm_status fg_centroid_distances(float *between, fg_scan *scan, const fg_list_storage *storage, const float *centroids)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = storage->lengths[0], stride = fg_round_up(k, FG_BLOCK_ROWS), most = rows_at_a_time(k);
    for (uint64_t first = 0; first < k; first += most) {
        const uint64_t n = fg_min_u64(most, k - first);
        const fg_buffer *distances;
        FG_TRY(fg_scan_distances(&distances, scan, storage, centroids + first * storage->d, n));
        for (uint64_t i = 0; i < n; i++)
            FG_TRY(fg_buffer_read(distances, (size_t)(i * stride) * sizeof *between, between + (first + i) * k,
                                  (size_t)k * sizeof *between));
    }
done:
    return status;
}

/* All distances of centroids, (k,k), to the device in rows of `stride`. */
static fgmm_status make_table(fg_assign *a)
{
    fgmm_status status = FGMM_OK;
    float *between = NULL;
    size_t bytes;
    FG_TRY(FG_ALLOC(&between, (uint64_t)a->k * a->k, "distances of centroids"));
    FG_TRY(fg_centroid_distances(between, a->scan, a->storage, a->centroids));
    FG_TRY(fg_size_product3(&bytes, a->k, a->stride, sizeof(float), "distances of centroids"));
    FG_TRY(fg_buffer_create(&a->table, a->device, bytes, FG_BUFFER_DEVICE, "distances of centroids"));
    for (size_t i = 0; i < a->k; i++)
        FG_TRY(fg_buffer_write(a->table, i * a->stride * sizeof(float), between + i * a->k, a->k * sizeof(float)));
done:
    free(between);
    return status;
}

static fgmm_status create_second(fg_assign *a)
{
    fgmm_status status = FGMM_OK;
    const fg_scan_options options = {.type = FGMM_F32, .d = a->storage->d};
    FG_TRY(fg_buffer_create(&a->second, a->device, a->most * sizeof(cl_uint), FG_BUFFER_DEVICE, "assignments"));
    FG_TRY(fg_buffer_create(&a->ratio, a->device, a->most * sizeof(float), FG_BUFFER_DEVICE, "assignments"));
    a->has_table = a->k <= FG_CENTROID_TABLE_LISTS;
    if (a->has_table) return make_table(a);
    FG_TRY(fg_scan_create(&a->scan_between, a->device, &options));
    FG_TRY(FG_ALLOC(&a->nearest, a->most * a->storage->d, "centroids"));
done:
    return status;
}

fgmm_status fg_assign_create(fg_assign **assign, const fg_list_storage *storage, const float *centroids, int has_second)
{
    fgmm_status status = FGMM_OK;
    fg_assign *a = NULL;
    const fg_scan_options options = {.type = FGMM_F32, .d = storage->d};
    *assign = NULL;
    FG_TRY(FG_ALLOC(&a, 1, "assignment"));
    a->device = storage->device;
    a->storage = storage;
    a->centroids = centroids;
    a->has_second = has_second;
    a->k = (uint32_t)storage->lengths[0];
    a->stride = (uint32_t)fg_round_up(a->k, FG_BLOCK_ROWS);
    a->most = rows_at_a_time(a->k);
    a->local = fg_backend_of(a->device)->search->items(fg_device_facts_of(a->device), GROUP_ITEMS);
    FG_TRY(fg_scan_create(&a->scan, a->device, &options));
    FG_TRY(fg_kernel_get(&a->assign_first, a->device, "search/assign.cl", "", "assign_first"));
    FG_TRY(fg_kernel_get(&a->assign_second, a->device, "search/assign.cl", "", "assign_second"));
    FG_TRY(fg_buffer_create(&a->first, a->device, a->most * sizeof(cl_uint), FG_BUFFER_DEVICE, "assignments"));
    if (has_second) FG_TRY(create_second(a));
    *assign = a;
    a = NULL;
done:
    fg_assign_free(a);
    return status;
}

void fg_assign_free(fg_assign *a)
{
    if (!a) return;
    fg_scan_free(a->scan);
    fg_scan_free(a->scan_between);
    fg_buffer_free(a->table);
    fg_buffer_free(a->first);
    fg_buffer_free(a->second);
    fg_buffer_free(a->ratio);
    free(a->nearest);
    free(a);
}

static fgmm_status run_first(fg_assign *a, const fg_buffer *distances, cl_uint n, uint32_t *first)
{
    fgmm_status status = FGMM_OK;
    const size_t global = (size_t)fg_round_up(n, a->local);
    const fg_argument arguments[] = {FG_ARG_BUFFER(distances), FG_ARG_VALUE(a->stride), FG_ARG_VALUE(a->k),
                                     FG_ARG_VALUE(n), FG_ARG_BUFFER(a->first)};
    FG_TRY(FG_LAUNCH(a->device, a->assign_first, arguments, 1, &global, &a->local));
    FG_TRY(fg_buffer_read(a->first, 0, first, n * sizeof *first));
done:
    return status;
}

FG_ARGUMENTS(second, ASSIGN_SECOND_ARGUMENTS)

/* first (n) as run_first has left it on both sides. */
static fgmm_status run_second(fg_assign *a, const fg_buffer *distances, cl_uint n, const uint32_t *first,
                              uint32_t *second, float *ratio)
{
    fgmm_status status = FGMM_OK;
    const fg_buffer *between = a->table;
    const size_t global = (size_t)fg_round_up(n, a->local), d = (size_t)a->storage->d;
    const cl_uint is_table = (cl_uint)a->has_table;
    if (!is_table) {
        for (size_t i = 0; i < n; i++) memcpy(a->nearest + i * d, a->centroids + first[i] * d, d * sizeof(float));
        FG_TRY(fg_scan_distances(&between, a->scan_between, a->storage, a->nearest, n));
    }
    const second_arguments arguments = {
        .distances = distances,
        .between = between,
        .is_table = is_table,
        .stride = a->stride,
        .k = a->k,
        .rows = n,
        .first = a->first,
        .second = a->second,
        .ratio = a->ratio,
    };
    FG_TRY(launch_second(a->device, a->assign_second, &arguments, 1, &global, &a->local));
    FG_TRY(fg_buffer_read(a->second, 0, second, n * sizeof *second));
    FG_TRY(fg_buffer_read(a->ratio, 0, ratio, n * sizeof *ratio));
done:
    return status;
}

fgmm_status fg_assign_run(fg_assign *a, const float *rows, uint64_t n, uint32_t *first, uint32_t *second, float *ratio)
{
    fgmm_status status = FGMM_OK;
    for (uint64_t at = 0; at < n; at += a->most) {
        const cl_uint part = (cl_uint)fg_min_u64(a->most, n - at);
        const fg_buffer *distances;
        FG_TRY(fg_scan_distances(&distances, a->scan, a->storage, rows + at * a->storage->d, part));
        FG_TRY(run_first(a, distances, part, first + at));
        if (a->has_second) FG_TRY(run_second(a, distances, part, first + at, second + at, ratio + at));
    }
done:
    return status;
}
