# The image of a release. `scripts/release/image` lays out its context: the program of each platform from its archive, so
# that the image holds the bytes that were tried, and nothing is built here. They need glibc 2.17 or later and no other
# library; the base has glibc, certificates of the web and a user who is not root, and neither shell nor packages.
FROM gcr.io/distroless/cc-debian13:nonroot
ARG TARGETARCH
COPY LICENSE /usr/share/doc/retake/LICENSE
COPY ${TARGETARCH}/retake /usr/local/bin/retake
# Mount suites and recordings here.
WORKDIR /project
ENTRYPOINT ["/usr/local/bin/retake"]
CMD ["--help"]
