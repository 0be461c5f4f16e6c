using System.Runtime.CompilerServices;
using Xunit;

namespace Nixl.Sdk.Generators.Tests.Support;

/// <summary>
/// Snapshot comparison with Verify's conventions: <c>Type.Method#hint.verified.cs</c> beside the test, <c>.received.</c> beside it
/// when they differ. Accept a change by renaming the received file.
/// </summary>
internal static class Snapshot
{
    public static void Verify(
        string text, string hint = "", [CallerFilePath] string file = "", [CallerMemberName] string method = "")
    {
        var name = Path.GetFileNameWithoutExtension(file) + "." + method + (hint.Length == 0 ? "" : "#" + hint);
        var verified = Path.Combine(Path.GetDirectoryName(file)!, name + ".verified.cs");
        var received = Path.Combine(Path.GetDirectoryName(file)!, name + ".received.cs");
        var expected = File.Exists(verified) ? File.ReadAllText(verified).Replace("\r\n", "\n", StringComparison.Ordinal) : "";
        if (string.Equals(expected, text, StringComparison.Ordinal))
        {
            File.Delete(received);
            return;
        }
        File.WriteAllText(received, text);
        Assert.Fail($"{Path.GetFileName(verified)} {(expected.Length == 0 ? "does not exist" : "differs")}; see {Path.GetFileName(received)}.");
    }
}
