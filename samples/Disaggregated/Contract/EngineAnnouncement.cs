using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine introduces itself: to the router when it joins, and through the router to the other engines.</summary>
/// <param name="Name">Unique among the engines.</param>
/// <param name="Role">What it does.</param>
/// <param name="Incarnation">Another one after each start.</param>
/// <param name="Url">Where it takes requests; empty inside of the engine.</param>
/// <param name="Model">Identity of its model's weights: engines of other models have nothing to give it.</param>
/// <param name="Ranks">Its agents, by rank of tensor parallelism.</param>
internal sealed record EngineAnnouncement(string Name, EngineRole Role, string Incarnation, string Url, string Model, EngineRank[] Ranks)
{
    /// <summary>Its process, by which whoever started it names it when it has ended.</summary>
    public int ProcessId { get; set; }
}

/// <summary>An agent of an engine.</summary>
/// <param name="Agent">Its name.</param>
/// <param name="Host">Where its metadata can be fetched.</param>
/// <param name="Port">Where its metadata can be fetched.</param>
internal sealed record EngineRank(string Agent, string Host, int Port)
{
    /// <summary>The agent's incarnation, in hexadecimal: which life of it is meant.</summary>
    public string Incarnation { get; set; } = "";
}

/// <summary>A part an engine plays.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EngineRole>))]
internal enum EngineRole
{
    /// <summary>Computes prompts and writes their blocks to a decode engine.</summary>
    [JsonStringEnumMemberName("prefill")]
    Prefill,

    /// <summary>Answers requests, from blocks that come from a prefill engine or from its own.</summary>
    [JsonStringEnumMemberName("decode")]
    Decode,

    /// <summary>Both.</summary>
    [JsonStringEnumMemberName("both")]
    Both,
}
