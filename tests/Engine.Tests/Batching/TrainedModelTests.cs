using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>The shipped model: many prompts at once on 1, 2 and 4 ranks, each answer the monolithic one.</summary>
public sealed class TrainedModelTests : IDisposable
{
    private readonly ModelHandle _model = ModelHandle.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Many_prompts_have_the_monolithic_answers_at_every_degree(int ranks)
    {
        using var bench = new CoreBench(_model.Model, ranks, 120, new EngineCoreOptions { MaxSequences = 16, ChunkTokens = 48, StepTokens = 100 });
        var texts = DemoPrompts.Choose(null, 8);
        // Beginnings of every length and whole prompts twice: prefixes of each other, as many as there are.
        string[] prompts = [.. texts, .. texts.Select((text, i) => text[..(text.Length * (i + 1) / 10)]), .. texts.Select(text => text + " And")];
        Sequence[] sequences = [.. prompts.Select((prompt, i) => bench.Add(_model.Tokenizer.Encode(prompt), 20 + (i * 2), keep: i % 3 == 0))];
        for (var step = 0; Array.Exists(sequences, sequence => sequence.State != SequenceState.Finished); step++)
        {
            Assert.True(step < 5000, "no end");
            bench.Step();
            foreach (var kept in sequences.Where(sequence => sequence.State == SequenceState.Finished && sequence.Leases.Count > 0))
            {
                bench.AssertAsAlone(kept);
                kept.Release();
            }
        }
        var monolithic = new MonolithicEngine(_model);
        for (var i = 0; i < prompts.Length; i++)
            Assert.Equal(monolithic.Generate(prompts[i], 20 + (i * 2)), sequences[i].NewTokens.ToArray());
        Assert.Equal(120, bench.Free);
    }
}
