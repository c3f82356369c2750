// Suodi-bench visits a running Suodi in large numbers and says what came back.
//
// Reports go to standard output, everything else to standard error. Exit codes:
// 0 all is as it should be, 1 it is not or could not be found out, 2 the
// command line is wrong.
package main
