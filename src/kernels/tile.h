/* tile.h - how the work of a pass is cut: the parameters that tuning searches, which of them are legal, and which a
 * pass gets. Starts no kernels. */
#ifndef FG_TILE_H
#define FG_TILE_H

#include "database.h"
#include "device.h"
#include "flashgmm/model.h"
#include "space.h"

typedef struct fg_backend fg_backend; /* backend.h */
typedef struct fg_shape fg_shape;     /* shape.h */

/* Tile parameters of both sets of kernels: cpu_simd.c and gpu_workgroup.c have their tables, the headers of the .cl
 * files say what they mean. 0: not used. */
typedef struct fg_tile {
    uint32_t vw;      /* lanes of a vector; GPUs: 4 */
    uint32_t rows;    /* CPUs: rows in registers; GPUs: rows of a work-group's tile */
    uint32_t vectors; /* CPUs: vectors of components in registers; GPUs: components of a tile */
    uint32_t block;   /* rows of a block; GPUs: of the dense path only */
    uint32_t dense_k, dense_v;
    uint32_t chunk_vectors; /* CPUs: vectors of a row summed together */
    uint32_t chunk;         /* nonzeros summed in float */
    uint32_t depth;         /* GPUs: dimensions staged in local memory at a time */
    uint32_t local;         /* GPUs: work-items of a work-group */
    uint32_t lanes;         /* CPUs: 0 portable, 1 AVX, 2 AVX-512 builtins for lane masks */
    uint32_t across;        /* GPUs: work-items along components */
    uint32_t blas;          /* GPUs, with matrices: FG_BLAS_* */
    uint32_t registers;     /* GPUs: most that the compiler may give an item; 0, FG_REGISTERS_FREE: as it likes */
} fg_tile;

enum { FG_REGISTERS_FREE = 255 };
/* What multiplies the matrices of tied and full covariances: our own kernels, or CLBlast (blas_matrices.h). */
enum { FG_BLAS_OWN = 1, FG_BLAS_CLBLAST = 2 };

/* ---- tiles (tile.c) ---- */

/* What decides about a tile besides the device: the `problem` of the backends' spaces. */
typedef struct fg_tile_problem {
    fgmm_covariance covariance; /* of the log-density */
    uint32_t k, d;
    uint32_t vector_width; /* of the device, in floats */
    int has_register_limit;
    int has_blas; /* for matrices of this shape */
} fg_tile_problem;

fg_tile_problem fg_tile_problem_of(const fg_shape *shape, const fgmm_device *device);
fg_space_needs fg_tile_limits(const fgmm_device *device, const fg_backend *backend);
/* As fg_space_parse; lanes stays 0. */
int fg_tile_parse(fg_tile *tile, const fg_backend *backend, const char *text);
/* NULL where the tile may be built for this shape (backend, covariance, k, d) on this device, else why not. */
const char *fg_tile_reject(const fg_tile *tile, const fg_shape *shape, const fgmm_device *device);
/* fg_tile_parse; 0 also where the tile is not legal here. */
int fg_tile_parse_legal(fg_tile *tile, const fg_shape *shape, const fgmm_device *device, const char *text);
/* A tile from a text that begins with its backend, as fg_shape_describe writes it; 0 where it is of another backend, or
 * not legal here. */
int fg_tile_read(fg_tile *tile, const fg_shape *shape, const fgmm_device *device, const char *text);
/* The tile that a pass gets: the one remembered for the shape or for one near (tile_choice.c), else the shipped one. */
fgmm_status fg_tile_choose(fg_tile *tile, const fg_shape *shape, fgmm_device *device);
/* The tile that an untuned device gets. Errors: UNSUPPORTED where none is legal. */
fgmm_status fg_tile_shipped(fg_tile *tile, int *is_measured, const fg_shape *shape, const fgmm_device *device);

/* Where tiles for a device and shape are remembered, and under which key. */
typedef struct fg_tile_place {
    char path[1024]; /* "" where the device keeps nothing */
    char device[264], driver[128], op[32];
    fg_tiles_key key; /* points into this struct */
} fg_tile_place;
void fg_tile_place_of(fg_tile_place *place, const fg_shape *shape, const fgmm_device *device);

#endif
