namespace Nixl.Sdk.Serve.Tests;

public sealed class PlanTests
{
    private static readonly string[] Roles = ["prefill", "prefill", "decode", "decode"];

    [Fact]
    public void A_seed_is_a_plan()
    {
        var plan = ChaosPlan.Create(11, TimeSpan.FromMinutes(2), Roles);
        Assert.Equal(plan, ChaosPlan.Create(11, TimeSpan.FromMinutes(2), Roles));
        Assert.NotEqual(plan, ChaosPlan.Create(12, TimeSpan.FromMinutes(2), Roles));
        Assert.Equal(Enum.GetValues<ChaosAction>(), plan.Select(step => step.Action).Distinct().Order());
        Assert.Equal(Enumerable.Range(0, 4), plan.Where(step => step.IsOutage).Select(step => step.Engine).Distinct().Order());
    }

    [Fact]
    public void No_kind_of_engine_is_away_for_long_and_sometimes_all_of_it_are()
    {
        var dark = 0;
        for (var seed = 0; seed < 50; seed++)
        {
            var plan = ChaosPlan.Create(seed, TimeSpan.FromMinutes(1), Roles);
            foreach (var role in (string[])["prefill", "decode"])
            {
                var run = TimeSpan.Zero;
                for (var at = TimeSpan.Zero; at < TimeSpan.FromMinutes(1); at += TimeSpan.FromSeconds(0.1))
                {
                    var away = plan.Where(step => step.IsOutage && Roles[step.Engine] == role && step.At <= at && at < step.At + step.Lasts).Select(step => step.Engine).Distinct().Count();
                    run = away == 2 ? run + TimeSpan.FromSeconds(0.1) : TimeSpan.Zero;
                    if (away == 2) dark++;
                    Assert.True(run <= ChaosPlan.LongestDarkness + TimeSpan.FromSeconds(0.2), $"seed {seed}: all {role} engines are away at {at}");
                }
            }
        }
        Assert.NotEqual(0, dark);
    }

    [Fact]
    public void Prompts_are_of_mixed_length_and_some_begin_alike()
    {
        var prompts = PromptSet.Create(3, 300);
        Assert.Equal(prompts, PromptSet.Create(3, 300));
        Assert.All(prompts, prompt =>
        {
            Assert.InRange(prompt.PromptTokens, PromptSet.ShortestPrompt, PromptSet.LongestPrompt);
            Assert.InRange(prompt.MaxTokens, PromptSet.ShortestAnswer, PromptSet.LongestAnswer);
        });
        Assert.InRange(prompts.Count(prompt => prompt.SharesPrefix), 60, 140);
        Assert.InRange(prompts.Where(prompt => prompt.SharesPrefix).Select(prompt => prompt.Text[..128]).Distinct().Count(), 2, 4);
        Assert.InRange(prompts.Count(prompt => prompt.PromptTokens < 80), 60, 200);
    }
}
