package house

import (
	"go/types"
	"path/filepath"
	"slices"
	"strings"
)

// portedStore is how the names of a store, which nats.go declares in its package jetstream,
// stand in a package of ours. docs/PORTING.md says the same to people.
type portedStore struct {
	files   []string          // of the peer's that declare it
	errors  []string          // its errors, which stand among the others
	names   map[string]string // those that are called otherwise
	manager string            // the interface with what is called for buckets
	calls   map[string]string // its methods, which are functions of ours with the JetStream in front
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

// checkStore finds what a program written for the peer's store would not find in ours, under
// the name that it has there.
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

// renamed compares an object with ours of the name that it has there.
func (p *porting) renamed(theirs types.Object, names map[string]string) {
	name, other := names[theirs.Name()]
	if !other {
		name = theirs.Name()
	}
	p.named(theirs, p.own.pkg.Scope().Lookup(name))
}

// functions compares the methods of an interface with functions that have one argument more.
func (p *porting) functions(manager *types.Interface, calls map[string]string) {
	for theirs := range manager.Methods() {
		ours, ok := p.own.pkg.Scope().Lookup(calls[theirs.Name()]).(*types.Func)
		if !ok || ours.Signature().Params().Len() != theirs.Signature().Params().Len()+1 ||
			ours.Signature().Results().Len() != theirs.Signature().Results().Len() {
			p.report(theirs.Name(), theirs, "is %s", strings.TrimSpace("no function "+calls[theirs.Name()]+" with the JetStream in front"))
		}
	}
}
