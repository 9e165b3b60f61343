package proxy

import (
	"bytes"
	"encoding/json"
)

// connectURLs is the field of INFO that names the servers of a cluster.
const connectURLs = "connect_urls"

// advertise returns an INFO line whose connect_urls are replaced. All other fields stay
// as they are, known or not. A line that can't be read stays as a whole.
func advertise(line []byte, replace func(string) string) []byte {
	start := bytes.IndexByte(line, '{')
	if start < 0 {
		return line
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line[start:], &fields); err != nil {
		return line
	}
	var servers []string
	if err := json.Unmarshal(fields[connectURLs], &servers); err != nil {
		return line
	}
	told := []string{}
	for _, server := range servers {
		if s := replace(server); s != "" {
			told = append(told, s)
		}
	}
	var err error
	if fields[connectURLs], err = json.Marshal(told); err != nil {
		return line
	}
	info, err := json.Marshal(fields)
	if err != nil {
		return line
	}
	return append(append([]byte("INFO "), info...), "\r\n"...)
}
