package raftstore

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

func encodeIdentity(epoch uint32, id string) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{kindIdentity}, epoch)
	b = append(b, byte(len(id)))
	return append(b, id...)
}

// decodeIdentity reads an identity entry without its kind.
func decodeIdentity(b []byte) (epoch uint32, id string, err error) {
	if len(b) < 6 || len(b) != 5+int(b[4]) {
		return 0, "", fmt.Errorf("%w: identity entry of %d bytes", ErrCorrupt, len(b))
	}
	return binary.LittleEndian.Uint32(b), string(b[5:]), nil
}

func newClusterID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// checkCluster compares an id with the one the configuration asks for.
func (s *Store) checkCluster(id string) error {
	if want := s.config.ClusterID; want != "" && id != want {
		return fmt.Errorf("%w: %s, not %s", ErrWrongCluster, id, want)
	}
	return nil
}
