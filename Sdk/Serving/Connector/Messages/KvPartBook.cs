namespace Nixl.Sdk.Serving;

/// <summary>What became of a part.</summary>
internal enum KvPartOutcome
{
    /// <summary>Others are missing.</summary>
    Waits,

    /// <summary>It was the last one.</summary>
    Complete,

    /// <summary>It came before, or does not fit those that did. Nothing has changed.</summary>
    Malformed,

    /// <summary>With it the peer would have too much here. All parts of its message are forgotten.</summary>
    TooMuch,
}

/// <summary>Parts of long messages until all of a message are there, in whatever order they come. Each peer has room of its own.</summary>
/// <remarks>Thread-safe. Keeps no more than it was sent and a table of pointers for each message, and nothing longer than the patience.</remarks>
internal sealed class KvPartBook
{
    /// <summary>Bytes of one message.</summary>
    public const int MaxBytes = 4 << 20;

    /// <summary>Parts of one message.</summary>
    public const int MaxParts = (MaxBytes / KvMessageFormat.PartBytes) + 1;

    /// <summary>Messages of one peer of which parts are missing.</summary>
    public const int MaxOpen = 64;

    /// <summary>Bytes of one peer, of messages that are not complete and of those that still wait for the engine or are served.</summary>
    public const long MaxBytesOfPeer = 4L * MaxBytes;

    private readonly Lock _sync = new();
    private readonly Dictionary<(PeerIdentity Peer, ulong Id), Open> _open = [];

    public bool IsEmpty
    {
        get
        {
            lock (_sync) return _open.Count == 0;
        }
    }

    /// <summary>Takes one part.</summary>
    /// <param name="peer">The sender.</param>
    /// <param name="part">Decoded, so that its numbers are possible.</param>
    /// <param name="held">Bytes of the peer's that are held already elsewhere.</param>
    /// <param name="until">When the message is forgotten if parts are still missing; the first part's counts.</param>
    /// <param name="whole">The message, after the last one.</param>
    public KvPartOutcome Add(PeerIdentity peer, KvPartMessage part, long held, long until, out byte[]? whole)
    {
        whole = null;
        lock (_sync)
        {
            if (!_open.TryGetValue((peer, part.Id), out var open)) open = new Open(part.Count, until);
            if (open.Parts.Length != part.Count || open.Parts[part.Index] is not null) return KvPartOutcome.Malformed;
            if (open.Bytes + part.Bytes.Length > MaxBytes || !HasRoom(peer, part, held, open.Missing == part.Count))
            {
                _open.Remove((peer, part.Id));
                return KvPartOutcome.TooMuch;
            }
            open.Parts[part.Index] = part.Bytes;
            open.Bytes += part.Bytes.Length;
            if (--open.Missing > 0)
            {
                _open[(peer, part.Id)] = open;
                return KvPartOutcome.Waits;
            }
            _open.Remove((peer, part.Id));
            whole = Join(open);
            return KvPartOutcome.Complete;
        }
    }

    /// <summary>Its sender has given it up.</summary>
    public void Remove(PeerIdentity peer, ulong id)
    {
        lock (_sync) _open.Remove((peer, id));
    }

    /// <summary>Forgets what was not completed in time.</summary>
    /// <returns>The number of messages.</returns>
    public int Expire(long now)
    {
        lock (_sync)
        {
            var before = _open.Count;
            foreach (var (key, open) in _open)
                if (now >= open.Until) _open.Remove(key);
            return before - _open.Count;
        }
    }

    private bool HasRoom(PeerIdentity peer, KvPartMessage part, long held, bool isFirst)
    {
        var count = isFirst ? 1 : 0;
        foreach (var (key, open) in _open)
        {
            if (key.Peer != peer) continue;
            held += open.Bytes;
            count++;
        }
        return count <= MaxOpen && held + part.Bytes.Length <= MaxBytesOfPeer;
    }

    private static byte[] Join(Open open)
    {
        var whole = new byte[open.Bytes];
        var at = 0;
        foreach (var part in open.Parts)
        {
            part!.CopyTo(whole, at);
            at += part.Length;
        }
        return whole;
    }

    private sealed class Open(int parts, long until)
    {
        public byte[]?[] Parts { get; } = new byte[parts][];

        public int Missing { get; set; } = parts;

        public int Bytes { get; set; }

        public long Until { get; } = until;
    }
}
