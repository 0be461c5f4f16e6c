using System.Text;

namespace Nixl.Sdk.Serving;

/// <summary>What users call their requests, and how long these may take.</summary>
internal static class KvNames
{
    public static void Check(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (Encoding.UTF8.GetByteCount(name) > KvMessageFormat.MaxName)
            throw new ArgumentException($"A request's name has at most {KvMessageFormat.MaxName} bytes of UTF-8.", nameof(name));
    }

    public static void Check(TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(timeout, KvMessageFormat.LongestTime);
    }
}
