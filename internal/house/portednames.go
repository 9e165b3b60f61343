package house

import (
	constants "go/constant"
	"go/token"
	"go/types"
)

// excusedJetStream is what our package jetstream lacks, or has differently, compared with
// nats.go's. docs/PORTING.md lists the replacements.
var excusedJetStream = []excuse{
	{"kv.go", "the key-value store: the package kv has it; see portedKV"},
	{"kv_options.go", "its options"},
	{"object.go", "the object store: the package objectstore has it; see portedObjects"},
	{"object_options.go", "its options"},
}

// checkNames finds what a program written for the peer would miss in own: names, methods of
// interfaces, fields, arguments, values of constants. It does not compare types of arguments,
// which may come from other packages.
func checkNames(peer, own *surface, excused []excuse, elsewhere []string) []finding {
	p := &porting{peer: peer, own: own, excused: map[string]bool{}}
	for _, e := range excused {
		p.excused[e.name] = false
	}
	for _, name := range elsewhere {
		p.excused[name] = false
	}
	for _, name := range peer.pkg.Scope().Names() {
		if theirs := peer.pkg.Scope().Lookup(name); theirs.Exported() {
			p.named(theirs, own.pkg.Scope().Lookup(name))
		}
	}
	return p.found
}

// named compares an object of the peer with ours of the same name.
func (p *porting) named(theirs, ours types.Object) {
	if ours == nil {
		p.report(theirs.Name(), theirs, "is missing")
		return
	}
	switch theirs := theirs.(type) {
	case *types.TypeName:
		p.members(theirs, ours)
	case *types.Func:
		p.arguments(theirs.Name(), theirs, ours)
	case *types.Const:
		c, ok := ours.(*types.Const)
		if !ok || !constants.Compare(c.Val(), token.EQL, theirs.Val()) {
			p.report(theirs.Name(), theirs, "is %v, not %v", p.text(ours), theirs.Val())
		}
	}
}

// members compares the methods of an interface, or the fields of a struct.
func (p *porting) members(theirs *types.TypeName, ours types.Object) {
	switch t := theirs.Type().Underlying().(type) {
	case *types.Interface:
		for m := range t.Methods() {
			p.member(theirs, m, ours)
		}
	case *types.Struct:
		for f := range t.Fields() {
			p.member(theirs, f, ours)
		}
	}
}

// member finds a method or field in ours.
func (p *porting) member(of *types.TypeName, theirs, ours types.Object) {
	if !theirs.Exported() {
		return
	}
	name := of.Name() + "." + theirs.Name()
	mine, _, _ := types.LookupFieldOrMethod(ours.Type(), true, p.own.pkg, theirs.Name())
	if mine == nil {
		p.report(name, theirs, "is missing")
		return
	}
	if method, ok := theirs.(*types.Func); ok {
		p.arguments(name, method, mine)
	}
}

// arguments compares the numbers of parameters and results of a function.
func (p *porting) arguments(name string, theirs *types.Func, ours types.Object) {
	mine, ok := ours.Type().(*types.Signature)
	their := theirs.Signature()
	if !ok || mine.Params().Len() != their.Params().Len() || mine.Results().Len() != their.Results().Len() || mine.Variadic() != their.Variadic() {
		p.report(name, theirs, "is %v", p.text(ours))
	}
}
