/* armadillo.cpp - Armadillo's gmm_diag as a contender: EM for diagonal mixtures in float32, with OpenMP on all cores.
 * Words: rows=FILE model=FILE n=ROWS iterations=M. A measurement is M iterations from the start, less what its call
 * spends before the first: it is timed with no iterations as well. */
#include "contender.h"

#include <armadillo>
#include <cmath>
#include <cstdlib>

namespace
{

struct contest {
    arma::fmat rows; /* a column per row */
    arma::fmat means, variances;
    arma::frowvec weights;
    arma::uword iterations;
};

bench_clock learn(const contest &c, arma::uword iterations, arma::fgmm_diag &mixture)
{
    mixture.set_params(c.means, c.variances, c.weights);
    const bench_clock start = bench_now();
    if (!mixture.learn(c.rows, c.means.n_cols, arma::maha_dist, arma::keep_existing, 0, iterations, 1e-6f, false))
        bench_refuse("Armadillo: gmm_diag.learn failed");
    return bench_between(start, bench_now(), 1);
}

bench_answer measure(void *user)
{
    const contest &c = *static_cast<contest *>(user);
    bench_answer answer = {{0, 0}, 0, ""};
    arma::fgmm_diag mixture;
    const bench_clock before = learn(c, 0, mixture);
    answer.time = bench_between(before, learn(c, c.iterations, mixture), c.iterations);
    answer.log_likelihood = NAN; /* taking it would cost a pass */
    return answer;
}

} // namespace

int main(int argc, char **argv)
{
    contest c;
    fgmm_source_info info;
    fgmm_model_info about = fgmm_model_info_init();
    fgmm_model *start;
    bench_check(fgmm_model_load(&start, bench_word(argc, argv, "model", nullptr)));
    bench_check(fgmm_model_describe(start, &about));
    if (about.covariance != FGMM_DIAG) bench_refuse("gmm_diag takes diagonal mixtures");
    float *rows = bench_load_floats(bench_word(argc, argv, "rows", nullptr), bench_count(argc, argv, "n", "0"), &info);
    c.rows = arma::fmat(rows, info.dims, info.rows);
    std::free(rows);
    c.means = arma::conv_to<arma::fmat>::from(arma::mat(fgmm_model_means(start), about.dims, about.components));
    c.variances =
        arma::conv_to<arma::fmat>::from(arma::mat(fgmm_model_covariances(start), about.dims, about.components));
    c.weights = arma::conv_to<arma::frowvec>::from(arma::rowvec(fgmm_model_weights(start), about.components));
    c.weights /= arma::accu(c.weights);
    c.iterations = static_cast<arma::uword>(bench_count(argc, argv, "iterations", "3"));
    fgmm_model_free(start);
    measure(&c);
    return bench_serve(measure, &c);
}
