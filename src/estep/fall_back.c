/* fall_back.c - what a pass over all rows has summed, or one over a batch has given, looked at before it is used: a
 * driver may go wrong in the midst of a run that the check before the first use has not shown. The pass is then taken
 * again with the next kernel backend.
 * Where that gives what it should, the first has failed, and is left out from then on; where no backend does, it is the
 * data: the first backend stands again, and the last one's sums are what there is. */
#include "e_step.h"

#include <math.h>
#include <stdio.h>

/* Of the weight of all rows: far above rounding, far below a group of rows that a kernel leaves out. */
static const double most_lost = 1e-3;

/* Are these sums of all rows? Else why not. */
static int are_sound(char *why, size_t capacity, const fg_e_step *e, const double *values)
{
    const fg_pass_options *o = &e->request.pass;
    const size_t count = (size_t)(2 + o->k + o->k * o->d + fg_covariance_count(o->covariance, o->k, o->d));
    double weight = 0;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) {
            snprintf(why, capacity, "statistic %zu of finite rows was %g", i, values[i]);
            return 0;
        }
    for (size_t c = 0; c < o->k; c++) weight += values[2 + c];
    if (fabs(weight - values[0]) <= most_lost * values[0]) return 1;
    snprintf(why, capacity, "responsibilities of rows of weight %.9g summed to %.9g", values[0], weight);
    return 0;
}

/* The first backend stands again, with its pass. */
static fgmm_status give_up(fg_fall_back *fall, fg_e_step *e)
{
    if (fg_backend_in_use(e->request.device) == fall->first) return FGMM_OK;
    fg_backend_claim(e->request.device, fall->first);
    return fg_e_step_set_pass(e, e->assignment);
}

/* The backends before the one in use have failed: it is the first from now on. */
static fgmm_status condemn(fg_fall_back *fall, fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    const fgmm_backend good = fg_backend_in_use(device);
    char line[256];
    fg_backend_claim(device, fall->first);
    while (fg_backend_in_use(device) != good) FG_TRY(fg_backend_fail(device, "", fall->why, 1));
    snprintf(line, sizeof line, "%s kernels went wrong (%s); going on with %s kernels", fgmm_backend_name(fall->first),
             fall->why, fgmm_backend_name(good));
    fg_device_log(device, line);
    *fall = (fg_fall_back){good, ""};
done:
    return status;
}

fg_fall_back fg_fall_back_begin(const fg_e_step *e)
{
    return (fg_fall_back){fg_backend_in_use(e->request.device), ""};
}

fgmm_status fg_fall_back_judge(int *is_again, fg_fall_back *fall, fg_e_step *e, const char *why)
{
    fgmm_status status = FGMM_OK;
    fgmm_device *device = e->request.device;
    const fgmm_backend next = fg_backend_next(device);
    *is_again = 0;
    if (!why) return fg_backend_in_use(device) == fall->first ? FGMM_OK : condemn(fall, device);
    if (!fall->why[0]) snprintf(fall->why, sizeof fall->why, "%s", why);
    if (next == FGMM_BACKEND_AUTO) return give_up(fall, e);
    fg_backend_claim(device, next);
    FG_TRY(fg_e_step_set_pass(e, e->assignment));
    *is_again = 1;
done:
    return status;
}

fgmm_status fg_fall_back_look(int *is_again, fg_fall_back *fall, fg_e_step *e, const double *values)
{
    char why[sizeof fall->why];
    return fg_fall_back_judge(is_again, fall, e, are_sound(why, sizeof why, e, values) ? NULL : why);
}
