/* split.c - what both ways of splitting operands have in common: the report of a load. */
#include "split.h"

#include "size.h"
#include "status.h"

#include <stdlib.h>

fgmm_status fg_split_load(fg_split *split, fg_split_report *report, const fg_shape *s, const fg_packing *m)
{
    fgmm_status status = FGMM_OK;
    *report = (fg_split_report){0};
    FG_TRY(FG_ALLOC(&report->errors, s->k, "error bounds"));
    FG_TRY(FG_ALLOC(&report->first_residuals, s->k, "residuals"));
    FG_TRY(split->method->load(split, report, s, m));
done:
    return status;
}

void fg_split_report_free(fg_split_report *report)
{
    free(report->errors);
    free(report->first_residuals);
    *report = (fg_split_report){0};
}

/* The report, and the residuals of all terms of bf16. */
uint64_t fg_split_host_bytes(const fg_shape *s)
{
    return s->backend->split ? sizeof(double) * s->k * (2 + FG_SPLIT_TERMS + 1) : 0;
}

uint64_t fg_split_row_values(const fg_shape *s)
{
    const fg_split_method *method = s->backend->split;
    return method && method->row_values ? method->row_values(s) : 0;
}
