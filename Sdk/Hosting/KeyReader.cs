using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Hosting;

/// <summary>Reads a pre-shared key that configuration gives in base64 or in a file.</summary>
internal static class KeyReader
{
    private const int MaxKeyBytes = 4096;

    /// <summary>What is wrong with the two settings, or null. Never shows the key.</summary>
    public static string? Check(string section, string? key, string? keyFile)
    {
        if (!string.IsNullOrEmpty(key) && !string.IsNullOrEmpty(keyFile)) return $"{section}.Key and {section}.KeyFile are both set; use one.";
        try
        {
            var bytes = Read(key, keyFile);
            return bytes.Length is 0 or >= MetadataFormat.MinKeyBytes ? null : $"{section}.Key has {bytes.Length} bytes; it needs at least {MetadataFormat.MinKeyBytes}.";
        }
        catch (FormatException)
        {
            return $"{section}.Key is not base64.";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"{section}.KeyFile '{keyFile}' cannot be read: {error.Message}";
        }
    }

    public static byte[] Read(string? key, string? keyFile)
    {
        if (!string.IsNullOrEmpty(key)) return Convert.FromBase64String(key);
        if (string.IsNullOrEmpty(keyFile)) return [];
        using var file = File.OpenRead(keyFile);
        if (file.Length is 0 or > MaxKeyBytes) throw new IOException($"it has {file.Length} bytes; a key has 16 to {MaxKeyBytes}");
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}
