package house

import (
	"cmp"
	"fmt"
	constants "go/constant"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// peerPath is the package whose programs should need only changed imports.
const peerPath = "github.com/nats-io/nats.go"

// excuse is a name of the peer that we lack, or have differently: Name, Type.Method, Type.Field,
// or a file for everything that it declares.
type excuse struct{ name, reason string }

// excused is what api lacks compared with nats.go. docs/PORTING.md lists the replacements.
var excused = []excuse{
	{"js.go", "JetStream's first API: the package jetstream has the second"},
	{"jsm.go", "the management of its streams"},
	{"jserrors.go", "its errors"},
	{"kv.go", "its key-value store: the package kv has the second"},
	{"object.go", "its object store: the package objectstore has the second"},
	{"enc.go", "encoded connections, which it has deprecated, and the channels bound to them"},
	{"parser.go", "the states of its parser, exported by their capitals only"},
	{"DefaultOptions", "a variable, deprecated, that all connections of a program share: GetDefaultOptions"},
	{"Conn.Statistics", "counters that cannot be read without a data race: Conn.Stats"},
	{"Version", "each client has its own"},
}

// widened are functions that take options after the arguments of the peer's. The same calls
// compile, but an interface of a program with such a method does not match: docs/PORTING.md says
// so. No other function may be widened.
var widened = []string{
	"Conn.Subscribe", "Conn.QueueSubscribe", "Conn.SubscribeSync", "Conn.QueueSubscribeSync",
	"Conn.ChanSubscribe", "Conn.ChanQueueSubscribe", "Conn.QueueSubscribeSyncWithChan",
}

// surface is what a package exports.
type surface struct {
	fset *token.FileSet
	pkg  *types.Package
}

// exports reads the compiler's export data of packages and of all that they import.
type exports struct {
	fset *token.FileSet
	from types.Importer
}

// readExports has the packages compiled as the module at root sees them.
func readExports(root string, pkgs ...string) (*exports, error) {
	all, err := listDependencies(root, "", append([]string{"-export"}, pkgs...)...)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, d := range all {
		files[d.ImportPath] = d.Export
	}
	e := &exports{fset: token.NewFileSet()}
	e.from = importer.ForCompiler(e.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
	return e, nil
}

// surface returns one of the packages. All surfaces of one exports share the types of common
// imports.
func (e *exports) surface(path string) (*surface, error) {
	pkg, err := e.from.Import(path)
	if err != nil {
		return nil, fmt.Errorf("read what %s exports: %w", path, err)
	}
	return &surface{e.fset, pkg}, nil
}

// porting compares two surfaces.
type porting struct {
	peer, own *surface
	excused   map[string]bool // by name; true once it was needed
	widened   []string
	found     []finding
}

// checkPorting finds what a program written for the peer would miss in own: names, signatures
// that do not accept the same calls, types of another shape, constants with another value; and
// excuses for what is not missing.
func checkPorting(peer, own *surface, excused []excuse, widened []string) []finding {
	p := &porting{peer: peer, own: own, excused: map[string]bool{}, widened: widened}
	for _, e := range excused {
		p.excused[e.name] = false
	}
	for _, name := range peer.pkg.Scope().Names() {
		if theirs := peer.pkg.Scope().Lookup(name); theirs.Exported() {
			p.compare(name, theirs)
		}
	}
	for _, e := range excused {
		if !p.excused[e.name] {
			p.found = append(p.found, finding{where: own.pkg.Name() + "." + e.name, what: "is excused, and not missing: take it off the list"})
		}
	}
	slices.SortFunc(p.found, func(a, b finding) int { return cmp.Compare(a.where, b.where) })
	return p.found
}

// report notes a difference from an object of the peer, or that it needs its excuse.
func (p *porting) report(name string, theirs types.Object, format string, args ...any) {
	for _, by := range []string{name, filepath.Base(p.peer.fset.Position(theirs.Pos()).Filename)} {
		if _, listed := p.excused[by]; listed {
			p.excused[by] = true
			return
		}
	}
	p.found = append(p.found, finding{where: p.own.pkg.Name() + "." + name, what: fmt.Sprintf(format, args...)})
}

func (p *porting) compare(name string, theirs types.Object) {
	ours := p.own.pkg.Scope().Lookup(name)
	if ours == nil {
		p.report(name, theirs, "is missing: %v", p.text(theirs))
		return
	}
	switch theirs := theirs.(type) {
	case *types.TypeName:
		p.compareTypes(theirs, ours)
	case *types.Func:
		p.compareFuncs(name, theirs, ours)
	case *types.Const:
		p.compareConsts(theirs, ours)
	case *types.Var:
		if _, isVar := ours.(*types.Var); !isVar || !types.AssignableTo(ours.Type(), p.translate(theirs.Type())) {
			p.report(name, theirs, "is %v, not %v", p.text(ours), p.text(theirs))
		}
	}
}

func (p *porting) compareConsts(theirs *types.Const, ours types.Object) {
	name := theirs.Name()
	c, isConst := ours.(*types.Const)
	if !isConst || !types.Identical(c.Type(), p.translate(theirs.Type())) {
		p.report(name, theirs, "is %v, not %v", p.text(ours), p.text(theirs))
		return
	}
	if !constants.Compare(c.Val(), token.EQL, theirs.Val()) {
		p.report(name, theirs, "is %v, not %v", c.Val(), theirs.Val())
	}
}

// compareFuncs finds a signature that does not accept every call of theirs, or does not return
// what theirs returns.
func (p *porting) compareFuncs(name string, theirs, ours types.Object) {
	ourFunc, isFunc := ours.(*types.Func)
	want := p.translate(theirs.Type()).(*types.Signature)
	switch {
	case !isFunc || !accepts(ourFunc.Signature(), want) || !gives(ourFunc.Signature(), want):
		p.report(name, theirs, "is %v, which does not serve for %v", p.text(ours), p.text(theirs))
	case !types.Identical(ourFunc.Signature(), want) && !slices.Contains(p.widened, name):
		p.report(name, theirs, "is %v, which an interface with %v does not accept", p.text(ours), p.text(theirs))
	}
}

// accepts reports whether got can be called with all arguments of want: it may have one more
// parameter, if that is variadic.
func accepts(got, want *types.Signature) bool {
	extra := got.Params().Len() - want.Params().Len()
	if extra != 0 && (extra != 1 || !got.Variadic() || want.Variadic()) {
		return false
	}
	if extra == 0 && got.Variadic() != want.Variadic() {
		return false
	}
	for i := range want.Params().Len() {
		if !types.AssignableTo(want.Params().At(i).Type(), got.Params().At(i).Type()) {
			return false
		}
	}
	return true
}

// gives reports whether the results of got can be used as those of want.
func gives(got, want *types.Signature) bool {
	if got.Results().Len() != want.Results().Len() {
		return false
	}
	for i := range want.Results().Len() {
		if !types.AssignableTo(got.Results().At(i).Type(), want.Results().At(i).Type()) {
			return false
		}
	}
	return true
}

func (p *porting) compareTypes(theirs *types.TypeName, ours types.Object) {
	name := theirs.Name()
	if _, isType := ours.(*types.TypeName); !isType {
		p.report(name, theirs, "is %v, not a type", p.text(ours))
		return
	}
	if types.Comparable(theirs.Type()) && !types.Comparable(ours.Type()) {
		p.report(name, theirs, "cannot be compared with ==")
	}
	if structure, isStruct := theirs.Type().Underlying().(*types.Struct); isStruct {
		p.compareFields(name, structure, ours)
	} else if want := p.translate(theirs.Type().Underlying()); !types.Identical(ours.Type().Underlying(), want) {
		p.report(name, theirs, "is %v, not %v", p.short(ours.Type().Underlying()), p.short(want))
	}
	if types.IsInterface(theirs.Type()) {
		return // its methods are its shape
	}
	p.compareMethods(name, theirs.Type(), ours.Type())
	p.compareMethods(name, types.NewPointer(theirs.Type()), types.NewPointer(ours.Type()))
}

func (p *porting) compareFields(name string, structure *types.Struct, ours types.Object) {
	for field := range structure.Fields() {
		full := name + "." + field.Name()
		if !field.Exported() {
			continue
		}
		found, _, _ := types.LookupFieldOrMethod(ours.Type(), true, p.own.pkg, field.Name())
		got, isField := found.(*types.Var)
		switch {
		case !isField:
			p.report(full, field, "is missing: %v", p.text(field))
		case !types.Identical(got.Type(), p.translate(field.Type())):
			p.report(full, field, "is %v, not %v", p.text(got), p.text(field))
		}
	}
}

// compareMethods compares the methods of a type; for pointer methods it is called with the
// pointer type.
func (p *porting) compareMethods(name string, theirs, ours types.Type) {
	_, pointer := theirs.(*types.Pointer)
	set := types.NewMethodSet(ours)
	for selection := range types.NewMethodSet(theirs).Methods() {
		method := selection.Obj()
		full := name + "." + method.Name()
		_, own := method.(*types.Func).Signature().Recv().Type().(*types.Pointer)
		if !method.Exported() || own != pointer {
			continue
		}
		got := set.Lookup(p.own.pkg, method.Name())
		if got == nil {
			p.report(full, method, "is missing: %v", p.text(method))
			continue
		}
		p.compareFuncs(full, method, got.Obj())
	}
}

// translate returns a type of the peer with every named type of the peer replaced by ours of the
// same name.
func (p *porting) translate(t types.Type) types.Type {
	switch t := t.(type) {
	case *types.Alias:
		return p.translate(types.Unalias(t))
	case *types.Named:
		return p.translateNamed(t)
	case *types.Pointer:
		return types.NewPointer(p.translate(t.Elem()))
	case *types.Slice:
		return types.NewSlice(p.translate(t.Elem()))
	case *types.Chan:
		return types.NewChan(t.Dir(), p.translate(t.Elem()))
	case *types.Map:
		return types.NewMap(p.translate(t.Key()), p.translate(t.Elem()))
	case *types.Signature:
		return types.NewSignatureType(nil, nil, nil, p.translateTuple(t.Params()), p.translateTuple(t.Results()), t.Variadic())
	}
	return t
}

func (p *porting) translateNamed(t *types.Named) types.Type {
	if t.Obj().Pkg() == p.peer.pkg {
		if ours := p.own.pkg.Scope().Lookup(t.Obj().Name()); ours != nil {
			return ours.Type()
		}
		return t
	}
	if t.TypeArgs().Len() == 0 {
		return t
	}
	var args []types.Type
	for arg := range t.TypeArgs().Types() {
		args = append(args, p.translate(arg))
	}
	made, err := types.Instantiate(nil, t.Origin(), args, false)
	if err != nil {
		return t
	}
	return made
}

func (p *porting) translateTuple(t *types.Tuple) *types.Tuple {
	var vars []*types.Var
	for v := range t.Variables() {
		vars = append(vars, types.NewParam(token.NoPos, nil, v.Name(), p.translate(v.Type())))
	}
	return types.NewTuple(vars...)
}

// text writes an object without the paths of the two packages.
func (p *porting) text(o types.Object) string { return types.ObjectString(o, p.qualify) }

func (p *porting) short(t types.Type) string { return types.TypeString(t, p.qualify) }

func (p *porting) qualify(pkg *types.Package) string {
	if pkg == p.peer.pkg || pkg == p.own.pkg {
		return ""
	}
	return pkg.Name()
}
