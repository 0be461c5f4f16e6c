using System.Buffers.Binary;
using System.Text;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Walks bytes of a peer. Throws nothing: after the first mistake <see cref="Failed"/> is true and everything reads as nothing. A list is
/// made only after the bytes that its length claims are known to be there.
/// </summary>
internal ref struct KvMessageReader(ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _position;

    /// <summary>Whether something was wrong.</summary>
    public bool Failed { get; private set; }

    /// <summary>Whether everything was right and nothing is left.</summary>
    public readonly bool IsAtEnd => !Failed && _position == _bytes.Length;

    private readonly int Remaining => _bytes.Length - _position;

    public byte U8() => Take(1) is [var value] ? value : (byte)0;

    public ulong U64()
    {
        var bytes = Take(8);
        return bytes.Length == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
    }

    /// <summary>A number from 0 to <paramref name="max"/>.</summary>
    public long Number(long max = long.MaxValue)
    {
        var value = Raw();
        if (value <= (ulong)max) return (long)value;
        Failed = true;
        return 0;
    }

    public TimeSpan Time() => TimeSpan.FromMilliseconds(Number((long)KvMessageFormat.LongestTime.TotalMilliseconds));

    /// <summary>How many elements follow, each of at least so many bytes.</summary>
    public int Count(int leastBytes, int max = int.MaxValue)
    {
        var count = Number(max);
        if (count <= Remaining / leastBytes) return (int)count;
        Failed = true;
        return 0;
    }

    public ReadOnlySpan<byte> Bytes() => Take(Count(1));

    public string Text(int maxBytes)
    {
        var bytes = Take(Count(1, maxBytes));
        if (!Failed && System.Text.Unicode.Utf8.IsValid(bytes)) return StrictUtf8.GetString(bytes);
        Failed = true;
        return "";
    }

    public int[] Ids()
    {
        var ids = new int[Count(1)];
        long before = -1;
        for (var i = 0; i < ids.Length; i++)
        {
            var zigzag = Raw();
            var step = (long)(zigzag >> 1) ^ -(long)(zigzag & 1);
            // Steps between ids are within 33 bits; more would overflow below.
            var id = step is > -(1L << 33) and < 1L << 33 ? before + 1 + step : -1;
            if (id is < 0 or > int.MaxValue || Failed)
            {
                Failed = true;
                return [];
            }
            ids[i] = (int)id;
            before = id;
        }
        return ids;
    }

    public ulong[] Sums()
    {
        var sums = new ulong[Count(sizeof(ulong))];
        for (var i = 0; i < sums.Length; i++) sums[i] = U64();
        return sums;
    }

    private ulong Raw()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = U8();
            if (Failed || (shift == 63 && next > 1)) break;
            value |= (ulong)(next & 127) << shift;
            if (next < 128) return value;
        }
        Failed = true;
        return 0;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (Failed || count > Remaining)
        {
            Failed = true;
            return default;
        }
        var taken = _bytes.Slice(_position, count);
        _position += count;
        return taken;
    }
}
