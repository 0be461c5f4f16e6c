using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Nixl.Sdk.Planning;

/// <summary>A SHA-256 hash as a value. Compared by value, thread-safe.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
readonly record struct LayoutHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>The bytes of a hash.</summary>
    public const int Size = 32;

    /// <summary>The hash of a text's UTF-8 bytes.</summary>
    public static LayoutHash Of(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
#if NIXL_GENERATOR
        using var sha = SHA256.Create();
        return From(sha.ComputeHash(bytes));
#else
        return From(SHA256.HashData(bytes));
#endif
    }

    /// <summary>The hash with these 32 bytes.</summary>
    /// <exception cref="ArgumentException">There are not 32 of them.</exception>
    public static LayoutHash From(byte[] bytes)
    {
        if (bytes is null || bytes.Length != Size)
            throw new ArgumentException("A hash has 32 bytes.", nameof(bytes));
        ulong Word(int at)
        {
            var word = 0UL;
            for (var i = 0; i < 8; i++)
                word = (word << 8) | bytes[at + i];
            return word;
        }
        return new LayoutHash(Word(0), Word(8), Word(16), Word(24));
    }

    /// <summary>The 32 bytes.</summary>
    public byte[] ToByteArray()
    {
        var bytes = new byte[Size];
        for (var i = 0; i < Size; i++)
        {
            var word = (i / 8) switch { 0 => A, 1 => B, 2 => C, _ => D };
            bytes[i] = (byte)(word >> (56 - i % 8 * 8));
        }
        return bytes;
    }

    /// <summary>All 64 digits.</summary>
    public string ToHex() => Hex(A) + Hex(B) + Hex(C) + Hex(D);

    /// <summary>The first 12 digits: enough for a person to tell two layouts apart.</summary>
    public override string ToString() => Hex(A).Substring(0, 12);

    private static string Hex(ulong word) => word.ToString("x16", CultureInfo.InvariantCulture);
}
