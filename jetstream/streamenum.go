package jetstream

// RetentionPolicy says when a stream removes a message. The zero value is LimitsPolicy.
// LimitsPolicy and InterestPolicy can be changed into each other later; WorkQueuePolicy cannot be
// changed.
type RetentionPolicy int

// The retention policies.
const (
	LimitsPolicy    RetentionPolicy = iota // when a limit of the stream is reached
	InterestPolicy                         // when every consumer that existed at the time has acknowledged it
	WorkQueuePolicy                        // when its one consumer has acknowledged it
)

var retentionWords = []string{"limits", "interest", "workqueue"}

// String returns Limits, Interest or WorkQueue.
func (p RetentionPolicy) String() string {
	return word([]string{"Limits", "Interest", "WorkQueue"}, int(p), "Unknown Retention Policy")
}

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (p RetentionPolicy) MarshalJSON() ([]byte, error) {
	return marshalWord("retention policy", retentionWords, int(p))
}

// UnmarshalJSON reads the word of the server. Another word is an ErrUnknownValue, and
// changes nothing.
func (p *RetentionPolicy) UnmarshalJSON(data []byte) error {
	return readWord(p, "retention policy", retentionWords, data)
}

// DiscardPolicy says what a full stream does with a new message. The zero value is
// DiscardOld.
type DiscardPolicy int

// The discard policies.
const (
	DiscardOld DiscardPolicy = iota // removes its oldest messages to make room
	DiscardNew                      // refuses it
)

var discardWords = []string{"old", "new"}

// String returns DiscardOld or DiscardNew.
func (p DiscardPolicy) String() string {
	return word([]string{"DiscardOld", "DiscardNew"}, int(p), "Unknown Discard Policy")
}

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (p DiscardPolicy) MarshalJSON() ([]byte, error) {
	return marshalWord("discard policy", discardWords, int(p))
}

// UnmarshalJSON reads the word of the server. Another word is an ErrUnknownValue, and
// changes nothing.
func (p *DiscardPolicy) UnmarshalJSON(data []byte) error {
	return readWord(p, "discard policy", discardWords, data)
}

// StorageType says where a stream keeps its messages; it cannot be changed. The zero
// value is FileStorage.
type StorageType int

// The kinds of storage.
const (
	FileStorage   StorageType = iota // on disk
	MemoryStorage                    // in memory: lost when its servers stop
)

var storageWords = []string{"file", "memory"}

// String returns File or Memory.
func (s StorageType) String() string {
	return word([]string{"File", "Memory"}, int(s), "Unknown Storage Type")
}

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (s StorageType) MarshalJSON() ([]byte, error) {
	return marshalWord("storage type", storageWords, int(s))
}

// UnmarshalJSON reads the word of the server. Another word is an ErrUnknownValue, and
// changes nothing.
func (s *StorageType) UnmarshalJSON(data []byte) error {
	return readWord(s, "storage type", storageWords, data)
}

// StoreCompression says how a stream on disk compresses its messages. The zero value
// is NoCompression.
type StoreCompression uint8

// The compressions.
const (
	NoCompression StoreCompression = iota // uncompressed
	S2Compression                         // with S2, which favors speed over size
)

var compressionWords = []string{"none", "s2"}

// String returns None or S2.
func (c StoreCompression) String() string {
	return word([]string{"None", "S2"}, int(c), "Unknown StoreCompression")
}

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (c StoreCompression) MarshalJSON() ([]byte, error) {
	return marshalWord("compression", compressionWords, int(c))
}

// UnmarshalJSON reads the word of the server. Another word is an ErrUnknownValue, and
// changes nothing.
func (c *StoreCompression) UnmarshalJSON(data []byte) error {
	return readWord(c, "compression", compressionWords, data)
}

// PersistModeType says when a message counts as stored; it cannot be changed. The zero
// value is DefaultPersistMode.
type PersistModeType int

// The persist modes.
const (
	DefaultPersistMode PersistModeType = iota // when it is written
	AsyncPersistMode                          // before it is written: a crash of the server may lose acknowledged messages
)

var persistWords = []string{"default", "async"}

// String returns Default or Async.
func (m PersistModeType) String() string {
	return word([]string{"Default", "Async"}, int(m), "Unknown Persist Mode")
}

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (m PersistModeType) MarshalJSON() ([]byte, error) {
	return marshalWord("persist mode", persistWords, int(m))
}

// UnmarshalJSON reads the word of the server. Another word is an ErrUnknownValue, and
// changes nothing.
func (m *PersistModeType) UnmarshalJSON(data []byte) error {
	return readWord(m, "persist mode", persistWords, data)
}

// MigrationStatusType says what a group's reconfiguration waits for; see
// DesiredClusterInfoStatus. A server may send words that are not listed.
type MigrationStatusType string

// Values of MigrationStatusType.
const (
	MigrationStatusMeta        MigrationStatusType = "meta"        // a decision of the meta leader
	MigrationStatusMembership  MigrationStatusType = "membership"  // a change of the group's members
	MigrationStatusSnapshot    MigrationStatusType = "snapshot"    // a snapshot for the new members
	MigrationStatusCatchup     MigrationStatusType = "catchup"     // new members that are behind
	MigrationStatusQuorum      MigrationStatusType = "quorum"      // enough members to decide
	MigrationStatusBlocked     MigrationStatusType = "blocked"     // an obstacle; see DesiredClusterInfoStatus.Err
	MigrationStatusUnavailable MigrationStatusType = "unavailable" // a group leader
)
