/* model_file.c - models and checkpoints as safetensors files: which tensors and strings there are and what they must
 * hold (docs/formats.md, "Models"). The container is safetensors.c, centroid files are centroids.c. */
#include "model.h"

#include "centroids.h"
#include "file.h"
#include "metadata.h"
#include "npz_model.h"
#include "safetensors.h"
#include "size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static const char *const PHASES[] = {"kmeans", "em"};
static const char *const TENSORS[] = {"weights", "means", "covariances"};
/* Of the best finished run in a checkpoint. */
static const char *const BEST_TENSORS[] = {"checkpoint.best_weights", "checkpoint.best_means",
                                           "checkpoint.best_covariances"};

void fg_checkpoint_clear(fg_checkpoint *checkpoint)
{
    free(checkpoint->history);
    free(checkpoint->runs.objectives);
    fgmm_model_free(checkpoint->runs.best);
    *checkpoint = (fg_checkpoint){0};
}

/* ---- writing ---- */

/* "covariance_type", ... and, for a checkpoint, its numbers. */
static void put_model(fg_metadata *metadata, const fgmm_model_info *info)
{
    fg_metadata_put(metadata, "format_version", "1");
    fg_metadata_put(metadata, "covariance_type", fgmm_covariance_name(info->covariance));
    fg_metadata_put_count(metadata, "rows", info->rows);
    fg_metadata_put_count(metadata, "iterations", info->iterations);
    fg_metadata_put_double(metadata, "log_likelihood", info->log_likelihood);
    fg_metadata_put_count(metadata, "seed", info->seed);
    fg_metadata_put(metadata, "library_version", fgmm_version());
}

static void put_checkpoint(fg_metadata *metadata, const fg_checkpoint *checkpoint)
{
    fg_metadata_put(metadata, "checkpoint.phase", PHASES[checkpoint->phase]);
    fg_metadata_put_count(metadata, "checkpoint.kmeans_iterations", checkpoint->kmeans_iterations);
    fg_metadata_put_count(metadata, "checkpoint.iterations", checkpoint->iterations);
    fg_metadata_put_count(metadata, "checkpoint.repaired", checkpoint->reseeded);
    fg_metadata_put_count(metadata, "checkpoint.batch_rows", checkpoint->batch_rows);
    fg_metadata_put_count(metadata, "checkpoint.window_rows", checkpoint->window_rows);
    fg_metadata_put_count(metadata, "checkpoint.is_dense", checkpoint->is_dense);
    fg_metadata_put_double(metadata, "checkpoint.inertia", checkpoint->inertia);
    fg_metadata_put(metadata, "checkpoint.tile", checkpoint->tile);
    if (checkpoint->weights) fg_metadata_put_count(metadata, "checkpoint.weights", checkpoint->weights);
    if (checkpoint->runs.count == 0) return;
    fg_metadata_put_count(metadata, "checkpoint.best_run", checkpoint->runs.best_run);
    fg_metadata_put_count(metadata, "checkpoint.best_iterations", checkpoint->runs.best->info.iterations);
}

/* The three tensors of a mixture. */
static void put_tensors(fg_tensor_out tensors[3], const fgmm_model *model, const char *const names[3])
{
    const uint64_t k = model->info.components, d = model->info.dims;
    const fg_array_shape shape = fg_covariance_shape(model->info.covariance, k, d);
    tensors[0] = (fg_tensor_out){names[0], 1, {k}, model->weights};
    tensors[1] = (fg_tensor_out){names[1], 2, {k, d}, model->means};
    tensors[2] =
        (fg_tensor_out){names[2], shape.rank, {shape.shape[0], shape.shape[1], shape.shape[2]}, model->covariances};
}

fgmm_status fg_model_file_write(const fgmm_model *model, const fg_checkpoint *checkpoint, const char *path)
{
    fg_metadata metadata = {.count = 0};
    fg_tensor_out tensors[8];
    size_t count = 3;
    put_model(&metadata, &model->info);
    put_tensors(tensors, model, TENSORS);
    if (checkpoint) {
        put_checkpoint(&metadata, checkpoint);
        tensors[count++] = (fg_tensor_out){"checkpoint.history", 1, {checkpoint->history_count}, checkpoint->history};
    }
    if (checkpoint && checkpoint->runs.count > 0) {
        const fg_runs *runs = &checkpoint->runs;
        tensors[count++] = (fg_tensor_out){"checkpoint.runs", 1, {runs->count}, runs->objectives};
        put_tensors(tensors + count, runs->best, BEST_TENSORS);
        count += 3;
    }
    const fg_safetensors_out contents = {tensors, count, metadata.items, metadata.count};
    return fg_safetensors_write(path, &contents);
}

fgmm_status fgmm_model_save(const fgmm_model *model, const char *path)
{
    if (!model || !path) return fg_fail(FGMM_ARGUMENT, "%s is NULL", model ? "path" : "model");
    if (fg_has_ending(path, ".npz")) return fg_npz_model_write(model, path);
    const fgmm_status status = fg_model_file_check_name(path);
    return status == FGMM_OK ? fg_model_file_write(model, NULL, path) : status;
}

fgmm_status fg_model_file_check_name(const char *path)
{
    if (!fg_is_centroids_name(path) && !fg_has_ending(path, ".npz")) return FGMM_OK;
    return fg_fail(FGMM_UNSUPPORTED,
                   "%s: of that name a safetensors file would be read as something else; need another "
                   "ending, such as .safetensors",
                   path);
}

/* ---- reading ---- */

static fgmm_status find_tensor(const fg_tensor **tensor, const fg_safetensors *file, const char *name, uint64_t rank)
{
    fgmm_status status = FGMM_OK;
    *tensor = fg_safetensors_tensor(file, name);
    FG_CHECK(*tensor, FGMM_FORMAT, "has no tensor \"%s\"; a model has weights, means and covariances", name);
    FG_CHECK(rank == 0 || (*tensor)->rank == rank, FGMM_FORMAT, "tensor %s has %llu dimensions; need %llu", name,
             (ull)(*tensor)->rank, (ull)rank);
done:
    return status;
}

static fgmm_status get_info(fgmm_model_info *info, const fg_safetensors *file)
{
    fgmm_status status = FGMM_OK;
    const char *format = fg_safetensors_metadata(file, "format_version");
    FG_CHECK(!format || strcmp(format, "1") == 0, FGMM_FORMAT, "format_version \"%.32s\"; need 1", format);
    const char *version = fg_safetensors_metadata(file, "library_version");
    FG_TRY(fg_metadata_get_count(&info->rows, fg_safetensors_metadata(file, "rows"), "rows"));
    FG_TRY(fg_metadata_get_count(&info->iterations, fg_safetensors_metadata(file, "iterations"), "iterations"));
    FG_TRY(fg_metadata_get_count(&info->seed, fg_safetensors_metadata(file, "seed"), "seed"));
    FG_TRY(fg_metadata_get_double(&info->log_likelihood, fg_safetensors_metadata(file, "log_likelihood"),
                                  "log_likelihood"));
    snprintf(info->library_version, sizeof info->library_version, "%s", version ? version : "");
done:
    return status;
}

/* names: TENSORS or BEST_TENSORS. */
static fgmm_status read_model(fgmm_model **model, fg_safetensors *file, const char *const names[3])
{
    fgmm_status status = FGMM_OK;
    double *weights = NULL, *means = NULL, *covariances = NULL;
    const fg_tensor *weight_tensor, *mean_tensor, *covariance_tensor;
    fgmm_covariance covariance;
    fgmm_model_info info = fgmm_model_info_init();
    FG_TRY(find_tensor(&weight_tensor, file, names[0], 1));
    FG_TRY(find_tensor(&mean_tensor, file, names[1], 2));
    FG_TRY(find_tensor(&covariance_tensor, file, names[2], 0));
    const uint64_t k = mean_tensor->shape[0], d = mean_tensor->shape[1];
    FG_CHECK(weight_tensor->shape[0] == k, FGMM_FORMAT, "tensor weights has K = %llu, tensor means K = %llu",
             (ull)weight_tensor->shape[0], (ull)k);
    const uint64_t *c = covariance_tensor->shape;
    const fg_covariance_array array = {"tensor covariances",
                                       "in the metadata",
                                       fg_safetensors_metadata(file, "covariance_type"),
                                       {covariance_tensor->rank, {c[0], c[1], c[2]}}};
    FG_TRY(fg_covariance_of_array(&covariance, &array, k, d));
    FG_TRY(get_info(&info, file));
    FG_TRY(fg_safetensors_read(&weights, file, weight_tensor));
    FG_TRY(fg_safetensors_read(&means, file, mean_tensor));
    FG_TRY(fg_safetensors_read(&covariances, file, covariance_tensor));
    const fg_parameters parameters = {covariance, k, d, weights, means, covariances};
    status = fg_model_create(model, &parameters, &info);
    if (status == FGMM_ARGUMENT) status = FGMM_FORMAT; /* here the values are the file's, not an argument */
done:
    free(covariances);
    free(means);
    free(weights);
    return status;
}

static fgmm_status read_phase(fg_checkpoint_phase *phase, const char *text)
{
    fgmm_status status = FGMM_OK;
    const int is_em = strcmp(text, PHASES[FG_CHECKPOINT_EM]) == 0;
    FG_CHECK(is_em || strcmp(text, PHASES[FG_CHECKPOINT_KMEANS]) == 0, FGMM_FORMAT,
             "checkpoint.phase \"%.32s\"; need kmeans or em", text);
    *phase = is_em ? FG_CHECKPOINT_EM : FG_CHECKPOINT_KMEANS;
done:
    return status;
}

/* The finished runs; none where the file does not say. */
static fgmm_status read_runs(fg_runs *runs, fg_safetensors *file, const fgmm_model_info *current)
{
    fgmm_status status = FGMM_OK;
    const fg_tensor *objectives = fg_safetensors_tensor(file, "checkpoint.runs");
    uint64_t iterations;
    if (!objectives) return FGMM_OK;
    FG_TRY(find_tensor(&objectives, file, "checkpoint.runs", 1));
    FG_TRY(fg_safetensors_read(&runs->objectives, file, objectives));
    runs->count = objectives->shape[0];
    for (uint64_t i = 0; i < runs->count; i++)
        FG_CHECK(isfinite(runs->objectives[i]), FGMM_FORMAT, "checkpoint.runs[%llu] = %g; need a finite number", (ull)i,
                 runs->objectives[i]);
    FG_TRY(fg_metadata_get_count(&runs->best_run, fg_safetensors_metadata(file, "checkpoint.best_run"),
                                 "checkpoint.best_run"));
    FG_CHECK(runs->best_run < runs->count, FGMM_FORMAT, "checkpoint.best_run = %llu of %llu runs", (ull)runs->best_run,
             (ull)runs->count);
    FG_TRY(fg_metadata_get_count(&iterations, fg_safetensors_metadata(file, "checkpoint.best_iterations"),
                                 "checkpoint.best_iterations"));
    FG_TRY(read_model(&runs->best, file, BEST_TENSORS));
    const fgmm_model_info *best = &runs->best->info;
    FG_CHECK(best->components == current->components && best->dims == current->dims &&
                 best->covariance == current->covariance,
             FGMM_FORMAT, "checkpoint.best_means has K = %llu, D = %llu, %s; means has K = %llu, D = %llu, %s",
             (ull)best->components, (ull)best->dims, fgmm_covariance_name(best->covariance), (ull)current->components,
             (ull)current->dims, fgmm_covariance_name(current->covariance));
    runs->best->info.iterations = iterations;
    runs->best->info.log_likelihood = runs->objectives[runs->best_run];
done:
    return status;
}

static fgmm_status read_checkpoint(fg_checkpoint *out, fg_safetensors *file, const fgmm_model_info *current)
{
    fgmm_status status = FGMM_OK;
    fg_checkpoint read = {0};
    const fg_tensor *history;
    const struct {
        const char *key;
        uint64_t *value;
    } counts[] = {
        {"checkpoint.kmeans_iterations", &read.kmeans_iterations},
        {"checkpoint.iterations", &read.iterations},
        {"checkpoint.repaired", &read.reseeded},
        {"checkpoint.batch_rows", &read.batch_rows},
        {"checkpoint.window_rows", &read.window_rows},
        {"checkpoint.is_dense", &read.is_dense},
    };
    const char *phase = fg_safetensors_metadata(file, "checkpoint.phase");
    FG_CHECK(phase, FGMM_FORMAT, "is a model, not a checkpoint: it has no checkpoint.phase");
    FG_TRY(read_phase(&read.phase, phase));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const char *text = fg_safetensors_metadata(file, counts[i].key);
        FG_CHECK(text, FGMM_FORMAT, "has no %s", counts[i].key);
        FG_TRY(fg_metadata_get_count(counts[i].value, text, counts[i].key));
    }
    FG_CHECK(read.is_dense <= 1, FGMM_FORMAT, "checkpoint.is_dense = %llu; need 0 or 1", (ull)read.is_dense);
    FG_CHECK(read.batch_rows >= 1, FGMM_FORMAT, "checkpoint.batch_rows = 0; need 1 or more");
    FG_TRY(fg_metadata_get_double(&read.inertia, fg_safetensors_metadata(file, "checkpoint.inertia"),
                                  "checkpoint.inertia"));
    FG_TRY(fg_metadata_get_count(&read.weights, fg_safetensors_metadata(file, "checkpoint.weights"),
                                 "checkpoint.weights"));
    const char *tile = fg_safetensors_metadata(file, "checkpoint.tile");
    FG_CHECK(tile && strlen(tile) < sizeof read.tile, FGMM_FORMAT, "checkpoint.tile: need a text of at most %zu bytes",
             sizeof read.tile - 1);
    memcpy(read.tile, tile, strlen(tile) + 1);
    FG_TRY(find_tensor(&history, file, "checkpoint.history", 1));
    FG_TRY(fg_safetensors_read(&read.history, file, history));
    read.history_count = history->shape[0];
    for (uint64_t i = 0; i < read.history_count; i++)
        FG_CHECK(isfinite(read.history[i]), FGMM_FORMAT, "checkpoint.history[%llu] = %g; need a finite number", (ull)i,
                 read.history[i]);
    FG_TRY(read_runs(&read.runs, file, current));
    *out = read;
    read = (fg_checkpoint){0};
done:
    fg_checkpoint_clear(&read);
    return status;
}

fgmm_status fg_model_file_read(fgmm_model **model, fg_checkpoint *checkpoint, const char *path)
{
    fgmm_status status = FGMM_OK;
    fg_safetensors *file = NULL;
    *model = NULL;
    if (checkpoint) *checkpoint = (fg_checkpoint){0};
    FG_TRY(fg_safetensors_open(&file, path));
    status = read_model(model, file, TENSORS);
    if (status == FGMM_OK && checkpoint) status = read_checkpoint(checkpoint, file, &(*model)->info);
    if (status != FGMM_OK) {
        fg_fail_prefix(status, "%s", path);
        fgmm_model_free(*model);
        *model = NULL;
    }
done:
    fg_safetensors_close(file);
    return status;
}

fgmm_status fgmm_model_load(fgmm_model **model, const char *path)
{
    if (!model) return fg_fail(FGMM_ARGUMENT, "model is NULL; need a place for the handle");
    *model = NULL;
    if (!path) return fg_fail(FGMM_ARGUMENT, "path is NULL");
    if (fg_is_centroids_name(path)) return fg_centroids_read(model, path);
    return fg_has_ending(path, ".npz") ? fg_npz_model_read(model, path) : fg_model_file_read(model, NULL, path);
}
