// Package rollout watches over filters as they are rolled out: it makes modules
// of rule sets and runs their tests, it forecasts what a new version would
// change by running it over visits that were, and it judges a canary by what
// edges report and halts one that does harm. It must know nothing of HTTP or of
// how the state is kept.
//
// # When a canary is halted
//
// Two groups of visits are compared over the same time: those the canary got,
// and those the version in force got, on the same edges for a canary by share
// and on all others for a canary by edges. A canary is halted when
//
//   - an edge cannot load it;
//   - the share of visits it broke on is larger, by more than MaxFailures, than
//     that of the version in force;
//   - the share of visits that it allowed, denied, guided, routed, or could not
//     decide a condition for, differs by more than MaxChange, up or down.
//
// A share of few visits says little, so it is not the difference of the two
// shares that must be over the limit, but the distance between the bounds of
// where the true ones lie. These come from the Chernoff bound: k of n visits
// are seen with a true share q with a probability of at most exp(-n D), D being
// the Kullback–Leibler divergence of k/n from q (Hoeffding, "Probability
// inequalities for sums of bounded random variables", 1963, theorem 1). Unlike
// intervals that take the binomial distribution for a normal one it holds for
// few visits and for shares near 0 and 1, where a filter's are. The bounds are
// wrong once in 100 million times: a canary is looked at every two seconds, six
// shares each time, and one that decides as the version in force does must live
// through that for weeks. A canary that denies everybody is still halted after
// the first 100 visits. TestJudgeIsFair holds both by simulation.
package rollout
