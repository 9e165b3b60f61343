package house

import (
	"go/types"
	"path/filepath"
	"slices"
	"strings"
)

// portedStore maps the names of a store, which nats.go declares in its package jetstream, to
// those of a package of ours. docs/PORTING.md documents the same.
type portedStore struct {
	files   []string          // files of the peer that declare it
	errors  []string          // its errors, which are declared among others
	names   map[string]string // names that differ
	manager string            // the interface with the calls for buckets
	calls   map[string]string // its methods, and our functions, whose first argument is the JetStream
	excused []excuse
}

// portedKV is the key-value store.
var portedKV = portedStore{
	files: []string{"kv.go", "kv_options.go"},
	errors: []string{
		"ErrBadBucket", "ErrBucketExists", "ErrBucketNotFound", "ErrHistoryTooLarge", "ErrInvalidBucketName", "ErrInvalidKey",
		"ErrKeyDeleted", "ErrKeyExists", "ErrKeyNotFound", "ErrKeyRevisionMismatch", "ErrKeyValueConfigRequired",
		"ErrLimitMarkerTTLNotSupported", "ErrNoKeysFound", "ErrTTLOnDeleteNotSupported",
	},
	names: map[string]string{
		"KeyValue": "Store", "KeyValueConfig": "Config", "KeyValueEntry": "Entry", "KeyWatcher": "Watcher",
		"KeyValueStatus": "Status", "KeyValueBucketStatus": "Status",
		"KeyValueOp": "Op", "KeyValuePut": "OpPut", "KeyValueDelete": "OpDelete", "KeyValuePurge": "OpPurge",
		"KVCreateOpt": "CreateOpt", "KVDeleteOpt": "DeleteOpt", "KVPurgeOpt": "PurgeOpt",
	},
	manager: "KeyValueManager",
	calls: map[string]string{
		"KeyValue": "Open", "CreateKeyValue": "Create", "UpdateKeyValue": "Update", "CreateOrUpdateKeyValue": "CreateOrUpdate",
		"DeleteKeyValue": "Delete", "KeyValueStoreNames": "Names", "KeyValueStores": "List",
	},
	excused: []excuse{
		{"KeyValueLister", "List returns an iterator"},
		{"KeyValueNamesLister", "Names returns an iterator"},
	},
}

// checkStore finds what a program written for the peer's store would miss in ours, under the
// mapped names.
func checkStore(peer, own *surface, s portedStore) []finding {
	p := &porting{peer: peer, own: own, excused: map[string]bool{}}
	for _, e := range s.excused {
		p.excused[e.name] = false
	}
	for _, name := range peer.pkg.Scope().Names() {
		theirs := peer.pkg.Scope().Lookup(name)
		file := filepath.Base(peer.fset.Position(theirs.Pos()).Filename)
		switch {
		case !theirs.Exported() || !slices.Contains(s.files, file) && !slices.Contains(s.errors, name):
		case name == s.manager:
			p.functions(theirs.Type().Underlying().(*types.Interface), s.calls)
		default:
			p.renamed(theirs, s.names)
		}
	}
	return p.found
}

// renamed compares an object with ours of the mapped name.
func (p *porting) renamed(theirs types.Object, names map[string]string) {
	name, other := names[theirs.Name()]
	if !other {
		name = theirs.Name()
	}
	p.named(theirs, p.own.pkg.Scope().Lookup(name))
}

// functions compares the methods of an interface with functions that take one more argument.
func (p *porting) functions(manager *types.Interface, calls map[string]string) {
	for theirs := range manager.Methods() {
		ours, ok := p.own.pkg.Scope().Lookup(calls[theirs.Name()]).(*types.Func)
		if !ok || ours.Signature().Params().Len() != theirs.Signature().Params().Len()+1 ||
			ours.Signature().Results().Len() != theirs.Signature().Results().Len() {
			p.report(theirs.Name(), theirs, "is %s", strings.TrimSpace("no function "+calls[theirs.Name()]+" with the JetStream in front"))
		}
	}
}
