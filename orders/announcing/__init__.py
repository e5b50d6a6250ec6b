"""What others are told of a change: the signal, its receivers, payloads and their schemas."""
