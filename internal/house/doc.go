// Package house holds the tests that keep the module in shape: what may import
// what, what a program that imports api links, how an actor file looks, and the
// budgets of every function.
//
//	files on disk ──► tree ──► check ──► []finding ──► one test fails, line by line
//	                  ▲
//	in-memory sources ┘   (each check is shown to bite on small ones)
//
// The checks read syntax, not types: they see every file whatever its build
// constraint, and they work while another package does not compile. Those of
// porting.go and foreign.go, about names that are ported and errors that are handed
// on, need types as well. Nothing imports this package.
//
// The tables that a change of the design touches stand at the head of their
// files: layers and importRules in layers.go, pureImports in pure.go,
// linkRoots and linkClosure in linked.go, packageState in state.go, guarded and mayPass
// in foreign.go, the budgets
// and the ceilings of their exceptions in budget.go.
package house
