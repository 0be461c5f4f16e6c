using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>What happens to the ranks when one of them fails or does not come.</summary>
public sealed class RankThreadsTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    private static readonly LlamaConfig Config = new()
    {
        HiddenSize = 8, IntermediateSize = 8, Layers = 1, Heads = 4, KvHeads = 4, HeadDim = 2, VocabularySize = 4, MaxPositions = 8,
    };

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_rank_that_fails_ends_the_step_and_is_named_as_the_cause(int failing)
    {
        using var reduce = new AllReduce(Config, 4, 1, Deadline);
        using var threads = new RankThreads(4, Deadline);
        var run = Task.Run(() => threads.Run(Body, reduce.Cancel));
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => run.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains("broke", failure.Message, StringComparison.Ordinal);
        Assert.Contains("broke", Assert.Throws<InvalidOperationException>(() => threads.Run(_ => { }, reduce.Cancel)).Message, StringComparison.Ordinal);

        void Body(int rank)
        {
            if (rank == failing) throw new ArithmeticException("it broke");
            using var own = new Matrix(1, 8);
            reduce.AddTo(own, ReduceStage.Attention, 1);
        }
    }

    [Fact]
    public void A_rank_that_does_not_come_is_a_timeout()
    {
        using var reduce = new AllReduce(Config, 2, 1, TimeSpan.FromMilliseconds(50));
        using var threads = new RankThreads(2, Deadline);
        using var x = new Matrix(1, 8);
        var failure = Assert.Throws<InvalidOperationException>(() => threads.Run(
            rank =>
            {
                if (rank == 0) reduce.AddTo(x, ReduceStage.Attention, 1);
            }, reduce.Cancel));
        Assert.IsType<TimeoutException>(failure.InnerException);
    }

    [Fact]
    public void A_rank_that_does_not_end_its_step_is_a_timeout()
    {
        using var go = new ManualResetEventSlim();
        using var threads = new RankThreads(2, TimeSpan.FromMilliseconds(50));
        var failure = Assert.Throws<InvalidOperationException>(() => threads.Run(
            rank =>
            {
                if (rank == 1) go.Wait(Deadline);
            }, () => { }));
        Assert.IsType<TimeoutException>(failure.InnerException);
        go.Set();
    }

    [Fact]
    public async Task Who_ends_the_ranks_waits_for_one_that_hangs_not_longer_than_for_a_step_and_knows_that_it_has_not_ended()
    {
        using var go = new ManualResetEventSlim();
        var threads = new RankThreads(3, TimeSpan.FromMilliseconds(200));
        Assert.Throws<InvalidOperationException>(() => threads.Run(
            rank =>
            {
                if (rank == 2) go.Wait(Deadline);
            }, () => { }));
        await Task.Run(threads.Dispose).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(threads.HasEnded);
        Assert.Throws<ObjectDisposedException>(() => threads.Run(_ => { }, () => { }));
        go.Set(); // it finds everything that it looks at, and ends

        var others = new RankThreads(3, Deadline);
        others.Run(_ => { }, () => { });
        others.Dispose();
        Assert.True(others.HasEnded);
    }
}
