/* flashgmm/ivf.h - inverted lists (IVF): nearest-neighbour search in the few lists that a query's neighbours lie in.
 *
 *     fgmm_kmeans(&quantizer, device, source, &training, NULL);       a coarse quantizer: centroids, or a mixture
 *     fgmm_index_build(device, source, "base.ivf", &options, &info);  writes each row to its lists
 *     fgmm_index_open(&index, "base.ivf");
 *     fgmm_searcher_open(&searcher, index, device, NULL);             loads the lists onto the device
 *     fgmm_rows queries = fgmm_rows_init(data, FGMM_U8, count);
 *     fgmm_searcher_search(searcher, &queries, &search, ids, distances, NULL);
 *
 * An index is a file (docs/formats.md). It holds the quantizer's centroids, one list of rows per component, the rows in
 * their own type, 64-bit ids, and a probing predictor with its recall calibration, which chooses how many lists a query
 * needs. Distances are squared Euclidean. docs/ivf.md says what was measured, and why the defaults are what they are.
 *
 * Threads: an open fgmm_index is immutable and may be shared by any number of threads. Each thread that searches has
 * its own fgmm_device and its own fgmm_searcher on it, also if searchers read lists from the file as they search. An
 * update replaces the file as a whole: open handles keep reading what they opened. If two updates of a file overlap,
 * the one that ends later wins.
 */
#ifndef FLASHGMM_IVF_H
#define FLASHGMM_IVF_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/fit.h"
#include "flashgmm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_index fgmm_index;
typedef struct fgmm_searcher fgmm_searcher;

/* Which lists a row goes to. */
typedef enum fgmm_assignment {
    /* The list of the most probable component, which for centroids is the nearest. */
    FGMM_ASSIGN_HARD = 0,
    /* The list of every component with a responsibility above tau, and always that of the most probable one. */
    FGMM_ASSIGN_SOFT = 1,
    /* The list of the nearest centroid c1, and for some rows that of a second one. With r = x - c, the second one
     * minimises |r2|^2 + (r1.r2)^2 / |r1|^2, so that its residual points in another direction (docs/math.md, "Inverted
     * lists"). */
    FGMM_ASSIGN_RESIDUAL = 2
} fgmm_assignment;

typedef enum fgmm_index_format {
    FGMM_INDEX_NATIVE = 0,
    FGMM_INDEX_FAISS = 1 /* an IndexIVFFlat (float32) that faiss.read_index opens; it cannot hold a calibration */
} fgmm_index_format;

/* The most results of a query, and the most lists of a row. */
enum { FGMM_TOP_MAX = 1024, FGMM_LISTS_PER_ROW_MAX = 64 };

typedef struct fgmm_index_options {
    size_t size;
    const fgmm_model *quantizer; /* required: a mixture, or centroids as from fgmm_kmeans; borrowed for the call */
    fgmm_assignment assignment;  /* default residual */
    uint32_t max_lists;          /* soft: the most lists of a row, 1..FGMM_LISTS_PER_ROW_MAX; default 8 */
    double tau;                  /* soft: the threshold; 0 (default): 1/K, unless copies_per_row is given */
    double copies_per_row;       /* entries per row aimed at. residual: 1..2, 0: 1.5. soft: chooses tau, 0: tau holds */
    /* The number of results per query that recall is calibrated for, at most FGMM_TOP_MAX; default 10. 0: the index has
     * no calibration, and searches must say how many lists to probe. */
    uint32_t for_top;
    /* Queries of your own to calibrate with, which is more accurate; borrowed for the call. NULL: rows that are held
     * out stand for queries. */
    fgmm_source *calibration;
    fgmm_index_format format;
    uint64_t seed; /* draws the rows to calibrate with */
    uint64_t batch_rows;
    uint64_t memory_limit_bytes; /* as in fgmm_fit_options */
    fgmm_progress_fn progress;   /* phase FINAL: iteration 1 assigns rows, 2 writes them, 3 calibrates */
    void *progress_user;
} fgmm_index_options;

static inline fgmm_index_options fgmm_index_options_init(void)
{
    fgmm_index_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.assignment = FGMM_ASSIGN_RESIDUAL;
    options.max_lists = 8;
    options.for_top = 10;
    return options;
}

/* What an index holds. */
typedef struct fgmm_index_info {
    size_t size;
    uint64_t rows;    /* different ids */
    uint64_t entries; /* in all lists; entries / rows are the copies per row */
    uint64_t lists;   /* K */
    uint64_t dims;
    uint64_t next_id; /* the id of the next row that is added: one more than the highest so far */
    uint64_t dead;    /* entries that were removed and still take room in the file */
    fgmm_type type;
    fgmm_assignment assignment;
    fgmm_index_format format;
    uint32_t max_lists; /* of a row */
    double tau;       /* soft: the threshold of r. residual: rows with a cost / |r1|^2 up to this have a second list */
    uint32_t for_top; /* results per query that recall is calibrated for; 0: not calibrated */
    int is_calibrated_on_queries;     /* 1: on queries of the user's own; 0: on rows */
    double least_recall, most_recall; /* what the calibration reaches */
    double imbalance;                 /* K sum n_i^2 / (sum n_i)^2; 1: all lists are equally long */
} fgmm_index_info;

static inline fgmm_index_info fgmm_index_info_init(void)
{
    fgmm_index_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    return info;
}

/* Builds an index file at path; an existing file is replaced whole or not at all. The source is streamed twice,
 * to assign its rows and to write them. Row i gets id i. Rows must be u8, i8, f16 or f32; f64 rows are stored as
 * f32. Memory is bounded whatever N is, except for the ids: 8 bytes per entry while the new index is open, which
 * is when info is filled in and recall is calibrated (for_top > 0) by searching the index. If its lists do not
 * fit the memory limit, the file is read about four times for that. info (may be NULL) receives what was built.
 * Blocks. Errors: ARGUMENT, DATA (another D, NaN, no rows), IO (a full disk: the old file stays), DEVICE, MEMORY,
 * CALLBACK, CANCELLED. */
FGMM_API fgmm_status fgmm_index_build(fgmm_device *device, fgmm_source *source, const char *path,
                                      const fgmm_index_options *options, fgmm_index_info *info);

/* Opens an index file, native or a Faiss IndexIVFFlat (L2); close it with fgmm_index_close, after its searchers.
 * Everything that memory safety or results depend on is checked here. Centroids, ids and the bounds of lists are held
 * in memory; rows stay in the file. Errors: IO, FORMAT (which part, the value, the range), UNSUPPORTED (another kind of
 * Faiss index), MEMORY. */
FGMM_API fgmm_status fgmm_index_open(fgmm_index **index, const char *path);
FGMM_API void fgmm_index_close(fgmm_index *index);

/* Fills *info, which comes from fgmm_index_info_init. Errors: ARGUMENT. */
FGMM_API fgmm_status fgmm_index_describe(const fgmm_index *index, fgmm_index_info *info);

/* Entries of a list; 0 beyond the last list. */
FGMM_API uint64_t fgmm_index_list_length(const fgmm_index *index, uint64_t list);

/* Borrowed until the index is closed. Centroids (K,D) are float32 also if the rows were float64; ids (length of the
 * list). */
FGMM_API const float *fgmm_index_centroids(const fgmm_index *index);
FGMM_API const int64_t *fgmm_index_list_ids(const fgmm_index *index, uint64_t list);

/* Each of these reads the index at path, writes the new one beside it, and renames it. The calibration stays what it
 * was: after many changes build the index anew.
 *
 * fgmm_index_add gives the rows ids from next_id on, in order, and assigns them as the index was built. They must be of
 * the index's type; an f32 index takes any type. limits (may be NULL): batch_rows, memory_limit_bytes and progress
 * count. fgmm_index_remove counts an id that is given twice once; ids that are not in the index are no error, and are
 * counted in *missing (may be NULL). Removed entries keep their room in the file until fgmm_index_compact. Errors:
 * ARGUMENT, DATA, IO, FORMAT, MEMORY, DEVICE, CALLBACK, CANCELLED. */
FGMM_API fgmm_status fgmm_index_add(fgmm_device *device, const char *path, fgmm_source *source,
                                    const fgmm_index_options *limits);
FGMM_API fgmm_status fgmm_index_remove(const char *path, const int64_t *ids, uint64_t count, uint64_t *missing);
FGMM_API fgmm_status fgmm_index_compact(const char *path);

/* Writes the index as another file, in either format. In Faiss's, rows become float32 and the calibration is lost.
 * Errors: ARGUMENT, IO, DATA (rows that float32 does not hold), MEMORY. */
FGMM_API fgmm_status fgmm_index_save(const fgmm_index *index, const char *path, fgmm_index_format format);

/* ---- search ---- */

typedef struct fgmm_searcher_options {
    size_t size;
    uint64_t memory_limit_bytes; /* of the process, on a CPU device; 0: only the device's own limit holds */
} fgmm_searcher_options;

static inline fgmm_searcher_options fgmm_searcher_options_init(void)
{
    fgmm_searcher_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    return options;
}

/* Loads the lists onto the device. If they do not fit, each search loads the lists that it needs from the file, one
 * part after the other: that is much slower, and best done with many queries per call. Borrows index and device until
 * fgmm_searcher_close. options may be NULL. Errors: ARGUMENT, IO, DEVICE, MEMORY (not even the centroids fit). */
FGMM_API fgmm_status fgmm_searcher_open(fgmm_searcher **searcher, const fgmm_index *index, fgmm_device *device,
                                        const fgmm_searcher_options *options);
FGMM_API void fgmm_searcher_close(fgmm_searcher *searcher);

typedef struct fgmm_search_options {
    size_t size;
    uint32_t top;    /* results per query, 1..FGMM_TOP_MAX; default 10 */
    uint64_t nprobe; /* lists per query, the nearest centroids first, at most K; 0 (default): `recall` decides */
    /* With nprobe 0: the mean recall@for_top aimed at; default 0.95. top must be the index's for_top. The value is
     * clamped to what the calibration reaches, least_recall to most_recall. Queries that are farther from the lists
     * than those of the calibration are handled apart, and counted in stats->away: if a call has up to 128 of them,
     * they search every list; if it has more, 128 of them show how many lists the others need for the recall. (Calls
     * with more than 2^22 numbers are cut into parts, and this holds for each part.) */
    double recall;
    int count_unique; /* 1: fill in stats->unique, which takes time on the host; meant for evaluations */
} fgmm_search_options;

static inline fgmm_search_options fgmm_search_options_init(void)
{
    fgmm_search_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.top = 10;
    options.recall = 0.95;
    return options;
}

/* Sums over the queries of a call. */
typedef struct fgmm_search_stats {
    size_t size;
    uint64_t queries;
    uint64_t coarse;  /* distances to centroids: queries times K; 0 if all lists were probed */
    uint64_t probed;  /* lists that were scanned */
    uint64_t scanned; /* entries of these lists; every copy of a row counts */
    uint64_t unique;  /* the same, but each id counts once per query; 0 unless count_unique */
    uint64_t away;    /* queries by recall that are unlike those of the calibration */
} fgmm_search_stats;

static inline fgmm_search_stats fgmm_search_stats_init(void)
{
    fgmm_search_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.size = sizeof stats;
    return stats;
}

/* Finds the nearest rows of each of n queries, which may be of any type. Blocks. Many queries in a call are
 * faster, since each list is read once for all of them. ids (n,top): the nearest first, equal distances by the
 * lower id, no id twice; -1 if fewer rows were found, as in an empty index. distances (n,top), may be NULL:
 * squared; infinity where the id is -1. stats may be NULL. Queries of the rows' own integer type give exact
 * results; with every list probed, results are those of an exhaustive search, for float rows up to the rounding
 * of equal distances. Errors: ARGUMENT (top, nprobe > K, recall outside (0,1], no calibration, top != for_top),
 * DATA (NaN or infinity), MEMORY, IO, DEVICE. */
FGMM_API fgmm_status fgmm_searcher_search(fgmm_searcher *searcher, const fgmm_rows *queries,
                                          const fgmm_search_options *options, int64_t *ids, float *distances,
                                          fgmm_search_stats *stats);

/* Reads a file of whole numbers: ids, or ground truth. Formats are .ivecs; .ibin, also with distances after the ids, as
 * big-ann-benchmarks writes ground truth; .npy of integers, 1-D or 2-D; and every other format of data if its values
 * are whole numbers (of .hdf5 the dataset "neighbors"). *ids (rows,cols) is malloc'ed: release it with free(). Errors:
 * IO, FORMAT, DATA (a number that is not whole or does not fit int64), MEMORY. */
FGMM_API fgmm_status fgmm_ids_read(int64_t **ids, uint64_t *rows, uint64_t *cols, const char *path);

/* "hard", "soft", "residual". */
FGMM_API const char *fgmm_assignment_name(fgmm_assignment assignment);

#ifdef __cplusplus
}
#endif
#endif
