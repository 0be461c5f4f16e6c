using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What the demo found; with --json the last line of stdout.</summary>
internal sealed record DemoReport
{
    public required int Requests { get; init; }

    /// <summary>Whether every answer has the tokens of the monolithic engine's.</summary>
    public required bool Identical { get; init; }

    public required int IdenticalRequests { get; init; }

    public required int PromptTokens { get; init; }

    public required int NewTokens { get; init; }

    /// <summary>Blocks times the layout's bytes per block.</summary>
    public required long KvBytes { get; init; }

    /// <summary>What the prefill engine's transport says it has written.</summary>
    public required long CountedBytes { get; init; }

    public required int Blocks { get; init; }

    /// <summary>From the first layer's post to the last one's success; the layers are computed meanwhile.</summary>
    public required double TransferMsP50 { get; init; }

    public required double TransferMsP99 { get; init; }

    /// <summary>What of it came after the last layer was computed: the median.</summary>
    public required double ExposedMsP50 { get; init; }

    /// <summary>As it is written on the command line.</summary>
    public required string Transport { get; init; }

    public required string TransportProvider { get; init; }

    public required string TransportVersion { get; init; }

    public required double TtftMsP50 { get; init; }

    public required double TtftMsP99 { get; init; }

    public required long Transfers { get; init; }

    public required int PrefillProcessId { get; init; }

    public required int DecodeProcessId { get; init; }

    public required long PromptTokensComputedByPrefill { get; init; }

    public required long PromptTokensComputedByDecode { get; init; }

    public required string Fingerprint { get; init; }

    public required int Seed { get; init; }

    /// <summary>What was not as it should be; empty for a success.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>The value below which a share of the values lies (nearest rank).</summary>
    internal static double Percentile(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? 0 : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(DemoReport))]
internal sealed partial class DemoReportJson : JsonSerializerContext;
