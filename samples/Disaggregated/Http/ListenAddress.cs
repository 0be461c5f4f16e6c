using System.CommandLine;
using System.Net;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Where a server listens: <c>127.0.0.1:8080</c>, <c>[::1]:0</c>, <c>localhost:8080</c>. Port 0 is any free one.</summary>
internal static class ListenAddress
{
    internal static Option<string> Option(string name, string standard)
    {
        var option = new Option<string>(name)
        {
            Description = "Address and port to listen on; port 0 is any free one. Nobody is asked who he is: leave the machine only in a network that you trust.",
            DefaultValueFactory = _ => standard,
        };
        option.Validators.Add(result =>
        {
            if (!TryParse(result.GetValueOrDefault<string>(), out _)) result.AddError($"{name} must be ADDRESS:PORT, such as {standard}.");
        });
        return option;
    }

    /// <summary>Names by which a server is reached; see <see cref="HostNames"/>.</summary>
    internal static Option<string[]> Hosts() => new("--host")
    {
        Description = "A name by which clients reach the router, besides addresses, localhost and the machine's own name; may be given several times.",
    };

    /// <exception cref="FormatException">It is not ADDRESS:PORT.</exception>
    internal static IPEndPoint Parse(string text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is not ADDRESS:PORT, such as 127.0.0.1:8080.");

    private static bool TryParse(string? text, out IPEndPoint address)
    {
        if (text is not null && text.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase)) text = "127.0.0.1" + text["localhost".Length..];
        // Without a port TryParse takes 0, which here would be "any".
        var hasPort = text is not null && text.LastIndexOf(':') > text.LastIndexOf(']') && text.LastIndexOf(':') > 0;
        if (IPEndPoint.TryParse(text ?? "", out address!) && hasPort) return true;
        address = null!;
        return false;
    }
}
