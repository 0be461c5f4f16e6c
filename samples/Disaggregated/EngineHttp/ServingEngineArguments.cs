using System.CommandLine;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The options of a serving engine that <c>engine</c> and <c>serve</c> have in common.</summary>
internal sealed class ServingEngineArguments
{
    internal Option<int> TensorParallel { get; } = new("--tp") { Description = "Ranks of tensor parallelism, each with an agent and a pool of its own: 1, 2 or 4.", DefaultValueFactory = _ => 1 };

    internal Option<int> StepTokens { get; } = CommonOptions.Positive("--step-tokens", "The most tokens in a step.", 256);

    internal Option<int> MaxSequences { get; } = CommonOptions.Positive("--max-sequences", "The most sequences that run at once; at most --step-tokens.", 64);

    internal Option<int> Queue { get; } = CommonOptions.Positive("--queue", "The most requests of an engine, waiting ones included; one more is refused.", 64);

    internal Option<string> Placement { get; } = new("--placement")
    {
        Description = "Where a decode engine has prompts computed: where it is faster by its estimate (auto), always by a prefill engine (remote), always here (local).",
        DefaultValueFactory = _ => "auto",
    };

    internal Option<bool> Checksums { get; } = new("--checksums") { Description = "A decode engine compares what it is given with the prefill engine's checksums before it uses it." };

    internal ServingEngineArguments()
    {
        TensorParallel.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is not (1 or 2 or 4)) result.AddError("--tp must be 1, 2 or 4.");
        });
        Placement.AcceptOnlyFromAmong("auto", "remote", "local");
    }

    internal KvAdvisorMode PlacementOf(ParseResult parse) => parse.GetValue(Placement) switch
    {
        "remote" => KvAdvisorMode.AlwaysRemote,
        "local" => KvAdvisorMode.AlwaysLocal,
        _ => KvAdvisorMode.Auto,
    };

    internal void AddTo(Command command)
    {
        foreach (var option in (ReadOnlySpan<Option>)[TensorParallel, StepTokens, MaxSequences, Queue, Placement, Checksums]) command.Add(option);
    }
}
