# Dense-equivalent GFLOP/s against K and against D, under the limits of the same run. bench.py sets output, by_k, by_d
# (files of two columns), sgemm (GFLOP/s), copy (GB/s) and k_of_d. An iteration of EM in float32 does 4NKD operations on
# 4ND bytes, K per byte, whatever D is: where the rows' bandwidth is the limit, it is K times the bandwidth.
set terminal svg size 960,420 font "sans,12"
set output output
set multiplot layout 1,2
set logscale x 2
set logscale y
set grid
set key bottom right
set ylabel "dense-equivalent GFLOP/s"
roof(k) = (k * copy < sgemm) ? k * copy : sgemm
set xlabel "K (D = 128)"
set yrange [10:4*sgemm]
plot roof(x) with lines dashtype 2 linecolor rgb "#888888" title "roofline: SGEMM, bandwidth", \
     2 * sgemm with lines dashtype 3 linecolor rgb "#bbbbbb" title "distances alone at SGEMM's rate", \
     by_k with linespoints pointtype 7 linecolor rgb "#1f77b4" title "flashgmm"
set xlabel sprintf("D (K = %d)", k_of_d)
plot roof(k_of_d) with lines dashtype 2 linecolor rgb "#888888" title "roofline: SGEMM, bandwidth", \
     2 * sgemm with lines dashtype 3 linecolor rgb "#bbbbbb" title "distances alone at SGEMM's rate", \
     by_d with linespoints pointtype 7 linecolor rgb "#1f77b4" title "flashgmm"
unset multiplot
