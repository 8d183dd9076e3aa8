/* split.h - split operands: means as sums of terms of low precision, which matrix units multiply.
 *
 * What it promises: a log-density from products of terms is off by no more than the error bound says, and near its own
 * rows by FG_MOST_PRODUCT_NATS at most, or its panel takes differences instead.
 * What it costs: a product for each pair of terms that is taken, 1 to 6 of them for an element, on a unit that is some
 * ten times as fast as vectors are; on the host a step for each element of the means and term.
 * When it is chosen: where the backend has a matrix unit. The unit's type decides which of the two implementations it
 * is: bf16 terms on CPUs (split_bf16.c), f16 terms on GPUs (split_f16.c). docs/math.md, "Split operands". */
#ifndef FG_SPLIT_H
#define FG_SPLIT_H

#include "buffers.h"
#include "packing.h"

/* Rows and columns of a tile of a CPU's matrix unit, and the most terms of an operand. */
enum { FG_SPLIT_TERMS = 3, FG_SPLIT_ROWS = 32, FG_SPLIT_DEPTH = 32 };

/* The split means on the device, in the layout that the method's kernels read. */
typedef struct fg_split {
    const fg_split_method *method; /* of the backend; NULL: there is no matrix unit, and nothing below */
    fg_buffer *means;              /* terms of 2 m: each method says how they lie */
    fg_buffer *panel_terms;        /* uint (panels of FG_SPLIT_ROWS): how many terms are multiplied; 0: differences */
    uint32_t row_terms;            /* of a row */
    uint32_t most_terms;           /* of panel_terms */
} fg_split;

/* What splitting does to the components of a model. */
typedef struct fg_split_report {
    double *errors;          /* (k) of a product y.2m, relative to |y| |2 m|; 0 where its panel takes differences */
    double *first_residuals; /* (k) |2 m less its first term|^2 / |2 m|^2; bf16 only */
    double products;         /* of an element, on average over the panels; bf16 only */
} fg_split_report;

extern const fg_split_method fg_split_bf16, fg_split_f16;

/* split.c: loads by the shape's method. The report is freed by the caller, after a failure too. */
fgmm_status fg_split_load(fg_split *split, fg_split_report *report, const fg_shape *shape, const fg_packing *packing);
void fg_split_report_free(fg_split_report *report);
uint64_t fg_split_host_bytes(const fg_shape *shape);
/* 0 without a method, or where rows are split in registers. */
uint64_t fg_split_row_values(const fg_shape *shape);

/* split_f16.c: a warp keeps its rows in registers, so many dimensions of them, split into so many terms. */
enum { FG_WARP_DIMS = 128 };
uint32_t fg_split_f16_row_terms(const fg_shape *shape);

#endif
