/* index.h - inside of fgmm_index: what is in memory of an index file, whatever its format; the two formats' readers and
 * header writers; rows by list. Knows no device.
 *
 * src/ivf/ holds inverted lists: index files, which lists rows go to, which lists a query probes and how that is
 * calibrated, batches of queries. It trains nothing, and leaves the device to feed/ and search/. */
#ifndef FG_INDEX_H
#define FG_INDEX_H

#include "flashgmm/ivf.h"

#include "file.h"
#include "input.h"
#include "model.h"

/* The probing predictor of an index and its calibration; docs/math.md, equations 30, 31. */
enum { FG_PREDICTOR_FEATURES = 8, FG_CALIBRATION_POINTS = 32 };
typedef struct fg_calibration {
    uint32_t for_top; /* 0: there is no calibration */
    uint32_t ranks;   /* M: lists that are considered */
    uint32_t points;  /* of the curve, 1..FG_CALIBRATION_POINTS */
    uint32_t is_on_queries;
    double bias, weights[FG_PREDICTOR_FEATURES], scale; /* scale: T0 */
    double threshold[FG_CALIBRATION_POINTS];            /* descending */
    double recall[FG_CALIBRATION_POINTS];               /* reached with each threshold; does not fall */
} fg_calibration;

/* What the queries were like that the calibration was made with: the largest squared distance to the nearest list, and
 * the largest ratio of that to the distance to the last list that the predictor considers. 0: not known. */
typedef struct fg_seen {
    double nearest, flatness;
} fg_seen;

struct fgmm_index {
    fgmm_index_info info;
    char *path;
    fg_input *input;
    float *centroids;     /* (K,D), as rows are stored */
    float *given;         /* (K,D) the same as the data has them, where they are not stored so; else NULL */
    double *shift;        /* (D) a stored number r stands for shift + unit r; zeros where there is none */
    double unit;          /* a power of two */
    int is_shifted;       /* shift or unit are in the file */
    fgmm_model *mixture;  /* NULL: centroids are all there is */
    uint64_t *counts;     /* (K) live entries */
    uint64_t *capacities; /* (K) entries that the file has room for */
    uint64_t *rows_at;    /* (K) where a list's rows begin in the file */
    uint64_t *first_id;   /* (K+1) in ids */
    int64_t *ids;         /* (entries) of live entries */
    fg_calibration calibration;
    fg_seen seen;
};

/* float32 holds values of a spread `unit` as they are where they lie this many units from the origin at most (it then
 * moves them by 2^-20 units), and where squares of differences are float32 as well. */
#define FG_MOST_SHIFT 16
#define FG_LEAST_UNIT 0x1p-40

/* What a caller wants filled in says how long it is. */
fgmm_status fg_index_check_info(const fgmm_index_info *info);

/* Rows or queries (n,d) as an index stores them, number `first` the first: DATA names one that is so far away that
 * float32 tells no distance to it from another. */
fgmm_status fg_index_check_rows(const float *rows, uint64_t n, uint64_t d, uint64_t first);

/* For qsort and bsearch over int64_t ids. */
int fg_index_compare_ids(const void *a, const void *b);

/* Bytes of a row. */
size_t fg_index_row_bytes(const fgmm_index *index);

/* rows (n, row bytes): entries first .. first + n - 1 of a list. Errors: IO, FORMAT. */
fgmm_status fg_index_read_rows(const fgmm_index *index, uint64_t list, uint64_t first, uint64_t n, void *rows);

/* Where the parts of a file that is to be written lie. */
typedef struct fg_index_layout {
    fgmm_index_format format;
    uint64_t k;
    const uint64_t *capacities; /* (k), borrowed */
    uint64_t *rows_at;          /* (k) byte offsets, owned */
    uint64_t *ids_at;           /* (k) */
    uint64_t calibration_at, file_bytes;
} fg_index_layout;

/* What the header of a file says beside its lists. */
typedef struct fg_index_head {
    fgmm_index_info info;
    const float *centroids;    /* as rows are stored */
    const fgmm_model *mixture; /* or NULL */
    fg_calibration calibration;
    fg_seen seen;
    int is_shifted;      /* shift or unit go into the file */
    const double *shift; /* (D) as fgmm_index; zeros where there is none */
    double unit;         /* likewise 1 */
} fg_index_head;

/* A format: its magic, reading a whole header into a zeroed index (rows stay in the file), laying out, and writing what
 * stands before the lists' contents. counts (k): live entries. */
typedef struct fg_index_kind {
    char magic[8];
    size_t magic_bytes;
    fgmm_status (*read)(fgmm_index *index);
    fgmm_status (*lay_out)(fg_index_layout *layout, const fg_index_head *head);
    fgmm_status (*write_head)(fg_atomic_file *file, const fg_index_layout *layout, const fg_index_head *head,
                              const uint64_t *counts);
} fg_index_kind;

extern const fg_index_kind fg_index_native, fg_index_faiss;
const fg_index_kind *fg_index_kind_of(fgmm_index_format format);

/* Allocates the per-list arrays of an index whose info.lists and dims are set and plausible for its file. */
fgmm_status fg_index_alloc(fgmm_index *index);

/* Fails with FORMAT: "PATH: byte offset N: ...". */
fgmm_status fg_index_bad(const fgmm_index *index, uint64_t offset, const char *format, ...) FG_PRINTF(3, 4);

/* (bytes): `what` of count elements lies within the file. */
fgmm_status fg_index_span(const fgmm_index *index, uint64_t offset, uint64_t count, uint64_t element_bytes,
                          const char *what);

/* Reads the live ids of all lists, ids_at (K) byte offsets; sets first_id, ids, info.entries. most: every id is below,
 * or FGMM_ROWS_UNKNOWN. */
fgmm_status fg_index_read_ids(fgmm_index *index, const uint64_t *ids_at, uint64_t most);

#endif
