using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>What a prefill engine tells at the end comes from another process: it is looked at before it is used.</summary>
public sealed class PromptComputedTests
{
    [Fact]
    public void What_is_told_comes_back()
    {
        var told = new PromptComputed(7, 1.5, 20, 3, 0.25) { Computed = 40, MovingMs = 2, AskedAt = 12 };
        Assert.Equal(told, PromptComputed.Parse(told.ToBytes()));
    }

    [Theory]
    [InlineData(-1, 0, 0)]
    [InlineData(7, 1e300, 0)]
    [InlineData(7, 0, 1e300)]
    public void Nonsense_is_refused_before_anything_is_computed_with_it(int token, double prefill, double moving)
    {
        var told = new PromptComputed(token, 0, prefill, 0, 0) { MovingMs = moving };
        Assert.Throws<InvalidDataException>(() => PromptComputed.Parse(told.ToBytes()));
    }
}
