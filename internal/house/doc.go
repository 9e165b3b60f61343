// Package house holds the tests that keep the module in shape: what may import
// what, what a program that imports api links, how an actor file looks, and the
// budgets of every function.
//
//	files on disk ──► tree ──► check ──► []finding ──► one test fails, line by line
//	                  ▲
//	in-memory sources ┘   (each check is shown to bite on small ones)
//
// The checks read syntax, not types: they see every file whatever its build constraint, and they
// work while another package does not compile. Only those of porting.go, foreign.go and named.go,
// about ported names, errors of other packages and types that users can name, need types. No
// package imports this one.
//
// The tables to edit when the design changes are at the top of their files: layers and
// importRules in layers.go, pureImports in pure.go, linkRoots and linkClosure in linked.go,
// packageState in state.go, guarded and mayPass in foreign.go, public and below in named.go, the
// budgets and the ceilings of their exceptions in budget.go.
package house
