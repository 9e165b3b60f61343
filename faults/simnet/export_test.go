package simnet

// Waiting returns how many bytes wait for this end to be read, and the most that may.
func (c *Conn) Waiting() (bytes, window int) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	return c.in.waiting(), c.in.window
}
