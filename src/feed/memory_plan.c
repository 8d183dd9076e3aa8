/* memory_plan.c - batch size and residency from what memory allows. */
#include "memory_plan.h"

#include "feed.h"
#include "lent.h"
#include "memory.h"
#include "reading.h"
#include "rows.h"
#include "size.h"
#include "thread.h"

#include <stdio.h>

/* Smaller batches than this spend their time on launches; where not even they fit, the limit is refused. */
enum { LEAST_BATCH_ROWS = 256 };

/* A process of the same history holds the same to a few hundred KiB. */
enum { HELD_STEP_BYTES = 16 << 20 };

/* Rows of a mini-batch: per component, and at least. Measured, docs/math.md "Mini-batches". */
enum { STEP_ROWS_PER_COMPONENT = 2, LEAST_STEP_ROWS = 1024 };

/* What a run would hold. */
typedef struct need {
    uint64_t host, device;
} need;

static uint64_t weight_bytes(const fg_memory_plan_request *request)
{
    return request->weights.source ? sizeof(float) : 0;
}

static fg_batch_layout layout_of(const fg_memory_plan_request *request, uint64_t batch_rows)
{
    const fgmm_source_info *info = &request->source->info;
    const size_t row_bytes = (size_t)info->dims * fgmm_type_bytes(fg_type_on_device(info->type));
    return (fg_batch_layout){(size_t)weight_bytes(request), row_bytes, batch_rows};
}

/* With its weight, and its share of what a batch of these rows is filled up with. */
static uint64_t device_row_bytes(const fg_memory_plan_request *request, uint64_t batch_rows)
{
    const fg_batch_layout layout = layout_of(request, batch_rows);
    return fg_ceil_div(fg_batch_bytes(&layout), batch_rows);
}

/* Is what the device holds the process's own memory? */
static int is_shared(const fgmm_device *device)
{
    return fg_device_facts_of(device)->kind == FGMM_DEVICE_CPU;
}

static need need_of(const fg_memory_plan_request *request, uint64_t batch_rows, uint64_t resident_rows)
{
    fg_pass_options pass = request->pass;
    pass.batch_rows = (size_t)batch_rows;
    const uint64_t row_bytes = device_row_bytes(request, batch_rows);
    const fg_batch_layout layout = layout_of(request, batch_rows);
    const uint64_t stream = request->source->opencl ? fg_lent_bytes(request->source, &layout)
                                                    : fg_feed_bytes(request->device, batch_rows * row_bytes,
                                                                    resident_rows == request->source->info.rows);
    /* Beside what the pass says: the parameters in the device's unit that e_step.c loads it with. */
    const uint64_t loaded = pass.k * pass.d + fg_covariance_count(pass.covariance, pass.k, pass.d);
    fg_pass_options nearest = pass;
    nearest.assignment = FG_ASSIGN_HARD;
    need n = {request->host_bytes + batch_rows * request->host_row_bytes + loaded * sizeof(double) +
                  fg_pass_host_bytes(request->device, &pass, request->is_evaluation),
              fg_pass_bytes(request->device, &pass) + stream + resident_rows * row_bytes};
    if (request->has_nearest) {
        n.host += fg_pass_host_bytes(request->device, &nearest, 1);
        n.device += fg_pass_bytes(request->device, &nearest);
    }
    n.host += is_shared(request->device) ? n.device : stream; /* pinned memory, a little more than it takes */
    return n;
}

static int fits(need n, const fg_memory_left *left)
{
    return n.host <= left->host && n.device <= left->device;
}

uint64_t fg_memory_plan_step_rows(uint64_t k)
{
    return fg_max_u64(LEAST_STEP_ROWS, STEP_ROWS_PER_COMPONENT * k);
}

uint64_t fg_memory_plan_load_rows(const fg_memory_plan_request *request)
{
    const uint64_t most = request->usual_most_rows ? request->usual_most_rows : UINT64_MAX;
    return fg_min_u64(request->source->info.rows, most); /* an unknown number is many */
}

uint64_t fg_memory_plan_limit(uint64_t asked)
{
    return asked ? asked : fg_machine_memory_bytes() / 4;
}

uint64_t fg_memory_plan_held_bytes(void)
{
    return fg_round_up(fg_resident_bytes(), HELD_STEP_BYTES);
}

fg_memory_left fg_memory_left_of(const fgmm_device *device, uint64_t limit_bytes, uint64_t held_bytes)
{
    return (fg_memory_left){.host = limit_bytes > held_bytes ? limit_bytes - held_bytes : 0,
                            .device = fg_device_bytes_left(device),
                            .buffer = fg_device_facts_of(device)->max_alloc_bytes,
                            .is_shared = is_shared(device)};
}

/* Rows that may stay on the device: all, or as many batches as the smallest need leaves room for. */
static uint64_t resident_rows(const fg_memory_plan_request *request, uint64_t batch, const fg_memory_left *left)
{
    const uint64_t n = request->source->info.rows, row_bytes = device_row_bytes(request, batch);
    if (request->source->opencl) return n;
    if (!request->is_repeated || n == FGMM_ROWS_UNKNOWN || n > UINT64_MAX / row_bytes / 2) return 0;
    if (fits(need_of(request, batch, n), left)) return n;
    if (!fg_reading_is_seekable(request->source)) return 0;
    const need least = need_of(request, batch, 0);
    const uint64_t device_rows = (left->device - least.device) / row_bytes,
                   host_rows = (left->host - least.host) / row_bytes;
    const uint64_t most = (left->is_shared ? fg_min_u64(device_rows, host_rows) : device_rows) / batch;
    return fg_min_u64(most, (n - 1) / batch) * batch;
}

/* The largest batch of a pass that the limits allow. *left: of both limits. */
static fgmm_status plan_batch(uint64_t *batch, fg_memory_left *left, const fg_memory_plan_request *request)
{
    fgmm_status status = FGMM_OK;
    const uint64_t held = request->held_bytes;
    uint64_t limit = request->memory_limit_bytes;
    if (limit == 0) limit = fg_max_u64(fg_memory_plan_limit(0), held + need_of(request, *batch, 0).host);
    *left = fg_memory_left_of(request->device, limit, held);
    while (!fits(need_of(request, *batch, 0), left) && *batch > LEAST_BATCH_ROWS)
        *batch = fg_max_u64(LEAST_BATCH_ROWS, *batch / 2);
    const need least = need_of(request, *batch, 0);
    FG_CHECK(least.host <= left->host, FGMM_MEMORY,
             "memory limit = %llu bytes is too small: the process holds %llu and needs %llu more for batches of %llu "
             "rows; need at least %llu",
             (unsigned long long)limit, (unsigned long long)held, (unsigned long long)least.host,
             (unsigned long long)*batch, (unsigned long long)(held + least.host));
    FG_CHECK(least.device <= left->device, FGMM_MEMORY,
             "device memory: %llu bytes are left of its limit; batches of %llu rows need %llu",
             (unsigned long long)left->device, (unsigned long long)*batch, (unsigned long long)least.device);
done:
    return status;
}

static uint64_t wanted_batch(const fg_memory_plan_request *request)
{
    const uint64_t row_bytes = device_row_bytes(request, 1), n = request->source->info.rows;
    uint64_t batch = request->batch_rows;
    if (batch == 0) {
        batch = fg_pass_default_batch_rows(request->device, &request->pass);
        if (request->usual_most_rows) batch = fg_min_u64(batch, request->usual_most_rows);
    }
    return fg_min_u64(fg_min_u64(batch, n),
                      fg_max_u64(1, fg_device_facts_of(request->device)->max_alloc_bytes / row_bytes));
}

static void log_shortage(fgmm_device *device, uint64_t found, uint64_t wanted)
{
    char line[160];
    snprintf(line, sizeof line,
             "other programs hold memory of the device: %llu of %llu bytes are there; making do with that",
             (unsigned long long)found, (unsigned long long)wanted);
    fg_device_log(device, line);
}

fgmm_status fg_memory_plan_make(fg_memory_plan *plan, const fg_memory_plan_request *given)
{
    fgmm_status status = FGMM_OK;
    fg_memory_plan_request request = *given;
    fg_memory_left left;
    uint64_t batch, resident, found, wanted;
    request.pass.type = fg_type_on_device(given->source->info.type);
    request.pass.rows = fg_memory_plan_load_rows(given);
    for (int is_short = 0;; is_short = 1) {
        batch = wanted_batch(&request);
        status = plan_batch(&batch, &left, &request);
        if (status != FGMM_OK && is_short)
            fg_fail_prefix(status, "%llu bytes are all that other programs leave", (unsigned long long)left.device);
        FG_TRY(status);
        resident = resident_rows(&request, batch, &left);
        wanted = need_of(&request, batch, resident).device;
        FG_TRY(fg_device_find_memory(&found, request.device, wanted));
        if (found == wanted) break;
        log_shortage(request.device, found, wanted);
    }
    plan->batch_rows = (size_t)batch;
    plan->resident_rows = resident;
done:
    return status;
}
