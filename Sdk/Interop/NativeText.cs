using System.Text;

namespace Nixl.Sdk.Interop;

/// <summary>Zero-terminated UTF-8 in fixed buffers.</summary>
internal static unsafe class NativeText
{
    /// <summary>Reads at most <paramref name="capacity"/> bytes, up to the first zero.</summary>
    public static string Read(byte* text, int capacity)
    {
        var span = new ReadOnlySpan<byte>(text, capacity);
        var end = span.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? span : span[..end]);
    }

    /// <summary>Writes text and a terminating zero, cut to the capacity.</summary>
    public static void Write(byte* text, int capacity, string value)
    {
        var span = new Span<byte>(text, capacity);
        span.Clear();
        if (!Encoding.UTF8.TryGetBytes(value, span[..^1], out _))
            Encoding.UTF8.GetBytes(value.AsSpan(0, Math.Min(value.Length, (capacity - 1) / 4)), span);
    }
}
