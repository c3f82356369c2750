// Package qr makes QR codes and reads them (ISO/IEC 18004, model 2).
//
// Encode turns a text into a Code, which draws itself as PNG, SVG or text for
// a terminal; the same text and options give the same bytes. Options are
// checked against what scanners can read: colours with too little contrast, a
// picture too small for its modules and a logo too large for the error
// correction are refused, with the way out.
//
// Decode finds every code in a picture that people photograph, send on and
// crop: turned, tilted, blurred, noisy, unevenly lit, light on dark, several at
// once. What it reads comes from strangers, so every step is bounded: bytes and
// pixels before anything is decoded, memory by the picture's own format, time
// by a budget and the context.
//
// # How a code is found
//
// The picture is tried in rounds: at several scales, smoothed and sharpened,
// cut into dark and light in several ways, both polarities. In each round the
// rows are searched for the 1:1:3:1:1 pattern of finder patterns, triples of
// which are the corners of a code. The perspective is then fitted to what is
// known of every code of that size (finder, timing and alignment patterns) by
// moving the fourth corner, then all of them, to where these modules differ
// most; so also the smallest codes, without alignment pattern, are read when
// tilted. Modules are sampled from the grey picture and decided against their
// neighbours. Error correction and the bit stream are gozxing's.
//
// # Placements
//
// A code can say where it hangs: the reserved query key "_s" (PlacementKey) of
// a short URL names its placement. The edge records it with the click and
// removes it before anything is forwarded. Changing the key breaks codes that
// are printed.
//
// The package knows nothing of links, of the API or of the edge.
package qr
