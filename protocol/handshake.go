package protocol

import (
	"bytes"
	"encoding/json"
	"reflect"
	"unicode/utf8"
)

// Info is what a server says about itself and the connection. A later INFO
// replaces an earlier one as a whole. Absent fields are zero.
type Info struct {
	ServerID   string `json:"server_id"`
	ServerName string `json:"server_name"`
	Version    string `json:"version"`
	Proto      int    `json:"proto"` // 1 and more: echo=false and later INFOs are known
	GitCommit  string `json:"git_commit,omitempty"`
	GoVersion  string `json:"go"`
	Host       string `json:"host"`
	Port       int    `json:"port"`
	IP         string `json:"ip,omitempty"`

	Headers      bool   `json:"headers"`
	AuthRequired bool   `json:"auth_required,omitempty"`
	Nonce        string `json:"nonce,omitempty"` // to be signed with the user's key
	TLSRequired  bool   `json:"tls_required,omitempty"`
	TLSVerify    bool   `json:"tls_verify,omitempty"`
	TLSAvailable bool   `json:"tls_available,omitempty"`
	MaxPayload   int64  `json:"max_payload"` // header and payload of what we publish, bytes

	ClientID uint64 `json:"client_id,omitempty"` // this connection's number
	ClientIP string `json:"client_ip,omitempty"` // our address as the server sees it

	Cluster        string   `json:"cluster,omitempty"`
	ClusterDynamic bool     `json:"cluster_dynamic,omitempty"`
	Domain         string   `json:"domain,omitempty"`
	ConnectURLs    []string `json:"connect_urls,omitempty"` // host:port of all servers, for this transport
	WSConnectURLs  []string `json:"ws_connect_urls,omitempty"`
	LameDuckMode   bool     `json:"ldm,omitempty"` // the server is about to stop

	JetStream bool `json:"jetstream,omitempty"`
	APILevel  int  `json:"api_lvl,omitempty"` // JetStream's; 0 before server 2.12

	// Set only in the INFO that answers CONNECT.
	ConnectInfo     bool   `json:"connect_info,omitempty"`
	RemoteAccount   string `json:"remote_account,omitempty"` // the account we are bound to
	IsSystemAccount bool   `json:"acc_is_sys,omitempty"`

	XKey string `json:"xkey,omitempty"` // server's curve key, for auth callouts
}

// Connect is what a client says about itself, after INFO.
type Connect struct {
	Verbose     bool   `json:"verbose"`
	Pedantic    bool   `json:"pedantic"`
	TLSRequired bool   `json:"tls_required"`
	JWT         string `json:"jwt,omitempty"`
	Nkey        string `json:"nkey,omitempty"` // public key
	Signature   string `json:"sig,omitempty"`  // of INFO's nonce, base64url without padding
	User        string `json:"user,omitempty"`
	Password    string `json:"pass,omitempty"`
	AuthToken   string `json:"auth_token,omitempty"`

	Name         string `json:"name"`
	Lang         string `json:"lang"`
	Version      string `json:"version"`
	Protocol     int    `json:"protocol"` // 1: we understand INFO at any time
	Echo         bool   `json:"echo"`
	Headers      bool   `json:"headers"`
	NoResponders bool   `json:"no_responders"` // needs Headers

	Account    string `json:"account,omitempty"`     // historical; servers refuse it
	NewAccount bool   `json:"new_account,omitempty"` // historical
	ProxySig   string `json:"proxy_sig,omitempty"`   // a trusted proxy's signature of the nonce
}

// ParseInfo decodes the JSON of INFO. Unknown fields are ignored. The error is a
// *[JSONParseError].
func ParseInfo(data []byte) (*Info, error) {
	info := new(Info)
	if err := decodeObject(data, info); err != nil {
		return nil, &JSONParseError{What: "INFO", Snippet: snippet(data), Err: err}
	}
	return info, nil
}

// Complete fills in what a later INFO leaves out from the one before it on the same
// connection: identity, limits, and the fields that only the answer to CONNECT has.
// Servers send complete ones; without this a partial one would remove limits.
func (i *Info) Complete(before *Info) {
	if before == nil {
		return
	}
	if i.ServerID == "" {
		news := *i
		*i = *before
		i.ConnectURLs, i.WSConnectURLs, i.LameDuckMode = news.ConnectURLs, news.WSConnectURLs, news.LameDuckMode
		i.MaxPayload, i.ConnectInfo = news.MaxPayload, news.ConnectInfo
		i.RemoteAccount, i.IsSystemAccount = news.RemoteAccount, news.IsSystemAccount
	}
	if i.MaxPayload <= 0 {
		i.MaxPayload = before.MaxPayload
	}
	if i.ClientID == 0 {
		i.ClientID = before.ClientID
	}
	if i.ClientIP == "" {
		i.ClientIP = before.ClientIP
	}
	if i.RemoteAccount == "" {
		i.RemoteAccount, i.IsSystemAccount = before.RemoteAccount, before.IsSystemAccount
	}
}

// ParseConnect decodes the JSON of CONNECT. Unknown fields are ignored; absent ones
// have the value that a server assumes: verbose, pedantic and echo are on. The error is
// a *[JSONParseError] that quotes nothing.
func ParseConnect(data []byte) (*Connect, error) {
	connect := &Connect{Verbose: true, Pedantic: true, Echo: true}
	if err := decodeObject(data, connect); err != nil {
		return nil, &JSONParseError{What: "CONNECT", Err: err}
	}
	return connect, nil
}

// decodeObject decodes one JSON object. Other JSON is refused; null above all would
// pass for an object without fields.
func decodeObject(data []byte, v any) error {
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return errNotObject
	}
	return json.Unmarshal(data, v)
}

// AppendConnect appends a CONNECT frame. The error is a *[JSONParseError] when c
// is nil or a string in it is not UTF-8, which JSON would silently change; dst is
// unchanged then.
func AppendConnect(dst []byte, c *Connect) ([]byte, error) {
	if c == nil {
		return dst, &JSONParseError{What: "CONNECT", Err: errNothing}
	}
	for _, field := range reflect.ValueOf(c).Elem().Fields() {
		if field.Kind() == reflect.String && !utf8.ValidString(field.String()) {
			return dst, &JSONParseError{What: "CONNECT", Err: errInvalidUTF8}
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return dst, &JSONParseError{What: "CONNECT", Err: err}
	}
	dst = append(dst, "CONNECT "...)
	dst = append(dst, data...)
	return append(dst, lineEnd...), nil
}

// AppendInfo appends an INFO frame, as a server does; a nil info stands for an
// empty one.
func AppendInfo(dst []byte, info *Info) []byte {
	if info == nil {
		info = new(Info)
	}
	data, err := json.Marshal(info)
	if err != nil {
		// Invariant: a struct of strings, numbers, flags and lists of strings can
		// always be encoded.
		panic("protocol: INFO cannot be encoded: " + err.Error())
	}
	dst = append(dst, "INFO "...)
	dst = append(dst, data...)
	return append(dst, lineEnd...)
}
