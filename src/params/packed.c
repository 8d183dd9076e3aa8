/* packed.c - the buffers that kernels read a model's parameters from: their list, and what is written to them. */
#include "packed.h"

#include "buffers.h"
#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* ---- the buffers ---- */

static uint64_t packed_bytes(const fg_shape *s)
{
    return sizeof(float) * s->padded_k * fg_packing_floats(s);
}

static uint64_t means_bytes(const fg_shape *s)
{
    return sizeof(float) * s->padded_k * (uint64_t)s->row_stride;
}

/* Bytes of an array with a number for each component. */
static uint64_t component_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)s->padded_k;
}

static uint64_t panel_bytes(const fg_shape *s)
{
    return sizeof(cl_uint) * (uint64_t)s->panels;
}

static uint64_t shift_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)FG_SHIFT_FLOATS(s);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_packed, packed), "packed means", packed_bytes},
    {offsetof(fg_packed, scale), "scales", component_bytes},
    {offsetof(fg_packed, offset), "offsets", component_bytes},
    {offsetof(fg_packed, normaliser), "normalisers", component_bytes},
    {offsetof(fg_packed, width), "widths", component_bytes},
    {offsetof(fg_packed, is_exact), "forms of panels", panel_bytes},
    {offsetof(fg_packed, means), "means", means_bytes},
    {offsetof(fg_packed, shift), "shift", shift_bytes},
    {offsetof(fg_packed, is_wide), "forms of sums", component_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

/* These are made when sums are first taken about other centres. */
static const fg_buffer_row centre_rows[] = {{offsetof(fg_packed, centres), "centres", means_bytes}};
static const fg_buffer_list centre_buffers = FG_BUFFER_LIST(centre_rows);

fgmm_status fg_packed_create(fg_packed *p, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    p->split.method = s->backend->split;
    p->pruning.method = s->pruning;
    FG_TRY(fg_buffers_create(p, &buffers, device, s));
    if (p->split.method) FG_TRY(fg_buffers_create(&p->split, p->split.method->buffers, device, s));
    if (s->pruning) FG_TRY(fg_buffers_create(&p->pruning, s->pruning->buffers, device, s));
done:
    if (status != FGMM_OK) fg_packed_free(p);
    return status;
}

void fg_packed_free(fg_packed *p)
{
    fg_buffers_free(p, &buffers);
    fg_buffers_free(p, &centre_buffers);
    if (p->split.method) fg_buffers_free(&p->split, p->split.method->buffers);
    if (p->pruning.method) fg_buffers_free(&p->pruning, p->pruning.method->buffers);
    fg_component_facts_free(&p->facts);
    *p = (fg_packed){0};
}

static uint64_t split_bytes(const fg_shape *s)
{
    return s->backend->split ? fg_buffers_bytes(s->backend->split->buffers, s) : 0;
}

static uint64_t pruning_bytes(const fg_shape *s)
{
    return s->pruning ? fg_buffers_bytes(s->pruning->buffers, s) : 0;
}

uint64_t fg_packed_bytes(const fg_shape *s)
{
    return fg_buffers_bytes(&buffers, s) + fg_buffers_bytes(&centre_buffers, s) + split_bytes(s) + pruning_bytes(s);
}

/* While parameters are loaded the host has the buffers' contents, and what they are computed with. */
uint64_t fg_packed_host_bytes(const fg_shape *s)
{
    return fg_packed_bytes(s) + fg_packing_bytes(s) + fg_split_host_bytes(s) + fg_pruning_host_bytes(s);
}

/* ---- loading ---- */

static fgmm_status write_packing(fg_packed *p, const fg_shape *s, const fg_packing *m)
{
    const struct {
        fg_buffer *to;
        const void *from;
    } writes[] = {
        {p->packed, m->packed},         {p->scale, m->scale},           {p->offset, m->offset},
        {p->normaliser, m->normaliser}, {p->width, m->width},           {p->is_exact, m->is_exact},
        {p->means, m->means},           {p->is_wide, m->facts.is_wide}, {p->shift, m->shift},
    };
    fgmm_status status = FGMM_OK;
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++)
        FG_TRY(fg_buffer_write(writes[i].to, 0, writes[i].from, fg_buffer_bytes(writes[i].to)));
    p->is_recentred = 0;
    p->has_exact = 0;
    for (uint32_t i = 0; i < s->panels; i++) p->has_exact |= (int)m->is_exact[i];
done:
    return status;
}

/* Splits means, decides about pruning, and raises the errors of log-densities that are products of terms. */
static fgmm_status load_methods(fg_packed *p, const fg_shape *s, const fg_packing *m)
{
    fgmm_status status = FGMM_OK;
    fg_split_report split = {0};
    if (p->split.method) FG_TRY(fg_split_load(&p->split, &split, s, m));
    if (p->pruning.method) FG_TRY(p->pruning.method->load(&p->pruning, s, m, &split));
    for (uint32_t c = 0; p->split.method && !p->pruning.is_used && c < s->k; c++)
        if (s->assignment == FG_ASSIGN_SOFT && split.errors[c] > 0)
            fg_error_add_terms(&p->facts.errors[c], s, m->squares[c], split.errors[c]);
done:
    fg_split_report_free(&split);
    return status;
}

fgmm_status fg_packed_load(fg_packed *p, const fg_shape *s, const fg_parameters *parameters, const float *shift,
                           const fg_triangle *triangle)
{
    fgmm_status status = FGMM_OK;
    const fg_packing_input input = {parameters, shift, triangle, &p->row_facts};
    fg_packing m = {0};
    fg_component_facts_free(&p->facts); /* the next ones may need their room */
    FG_TRY(fg_packing_make(&m, s, &input));
    FG_TRY(write_packing(p, s, &m));
    p->facts = m.facts;
    m.facts = (fg_component_facts){0};
    FG_TRY(load_methods(p, s, &m));
    p->error_bound_nats = 0;
    for (uint32_t c = 0; c < s->k; c++)
        p->error_bound_nats = fmax(p->error_bound_nats, fg_error_near(&p->facts.errors[c]));
done:
    fg_packing_free(&m);
    return status;
}

fgmm_status fg_packed_recentre(fg_packed *p, fgmm_device *device, const fg_shape *s, const double *centres,
                               const float *shift)
{
    fgmm_status status = FGMM_OK;
    cl_uint *is_wide = p->facts.is_wide;
    float *means = NULL;
    FG_TRY(FG_ALLOC(&means, (uint64_t)s->padded_k * s->row_stride, "centres"));
    FG_TRY(fg_buffers_create(p, &centre_buffers, device, s));
    for (uint32_t c = 0; c < s->k; c++) {
        fg_packing_shift_mean(means, p->facts.mean_offsets, s, centres + (size_t)c * s->d, shift, c);
        is_wide[c] = 1;
    }
    FG_TRY(fg_buffer_write(p->centres, 0, means, fg_buffer_bytes(p->centres)));
    FG_TRY(fg_buffer_write(p->is_wide, 0, is_wide, fg_buffer_bytes(p->is_wide)));
    p->is_recentred = 1;
done:
    free(means);
    return status;
}
